"""Who may import whom: protos <- townlet <- services, and services never each other."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAY_IMPORT = {
    "protos": {"protos"},
    "townlet": {"protos", "townlet"},
    "actor": {"protos", "townlet", "actor"},
    "learner": {"protos", "townlet", "learner"},
    "replay_service": {"protos", "townlet", "replay_service"},
}


def imports(path: Path) -> set[str]:
    """The top-level names of all modules that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add((node.module or "").partition(".")[0])
    return names


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_what_stands_below_it(package):
    for path in (ROOT / package).rglob("*.py"):
        ours = imports(path) & MAY_IMPORT.keys()
        assert ours <= MAY_IMPORT[package], f"{path} imports {sorted(ours - MAY_IMPORT[package])}"


def test_redis_is_imported_in_one_module():
    users = [path for package in MAY_IMPORT for path in (ROOT / package).rglob("*.py") if "redis" in imports(path)]
    assert users == [ROOT / "replay_service" / "redis_log.py"]


def test_nothing_pickles():
    for package in MAY_IMPORT:
        for path in (ROOT / package).rglob("*.py"):
            assert not imports(path) & {"pickle", "cloudpickle", "dill", "joblib", "shelve"}, path
            assert " torch.save(" not in path.read_text(), path
            assert "allow_pickle" not in path.read_text(), path


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("replay_service.__main__", {"torch", "actor", "learner", "gymnasium"}),
        ("townlet.cli", {"torch", "grpc", "numpy", "pydantic", "gymnasium"}),
        ("actor.__main__", {"torch", "gymnasium"}),
        ("actor.compose", {"gymnasium"}),
        ("learner.__main__", {"torch", "gymnasium"}),
        ("learner.compose", {"gymnasium"}),
        ("townlet.launch.commands", {"torch", "gymnasium"}),
        ("townlet.launch.evaluate", {"gymnasium"}),
        ("townlet.launch.watch", {"gymnasium"}),
        ("townlet.worlds.gymnasium.worker", {"torch", "grpc"}),
    ],
)
def test_importing_a_module_leaves_out_what_it_does_not_need(module, unwanted):
    program = f"import {module}, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    assert not set(loaded.stdout.split()) & unwanted
