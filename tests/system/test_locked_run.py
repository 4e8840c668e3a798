"""A run with every door locked trains, lets in whom it should, and shows no secret; and no process of it unpickles."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from papers import Papers
from redis_process import RedisServer
from run_process import TOWNLET, RunProcess
from typer.testing import CliRunner

from townlet.cli import app

PASSWORD = "s3cr3t-of-the-store"
QUICK = ("evaluation.enabled=true", "evaluation.goal=null", "evaluation.episodes=4", "actor.lanes=8")
HOOK = """
import os, sys
from pathlib import Path

told = Path({folder!r})

def refuse(event, arguments):
    if event == "pickle.find_class":
        (told / f"unpickled-{{os.getpid()}}").write_text(f"{{sys.argv}} {{arguments}}")
        raise RuntimeError(f"unpickles {{arguments}}")

sys.addaudithook(refuse)
(told / f"watched-{{os.getpid()}}").write_text(" ".join(sys.orig_argv))
"""

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def folder():
    with tempfile.TemporaryDirectory(prefix="townlet-", dir="/tmp") as name:
        yield Path(name)


@pytest.fixture
def locked(folder, free_port, monkeypatch):
    """A run, its papers, and where every one of its Python processes tells that it is watched."""
    papers = Papers(folder / "papers")
    (folder / "hook").mkdir()
    (folder / "hook" / "sitecustomize.py").write_text(HOOK.format(folder=str(folder / "hook")))
    root = Path(__file__).parents[2]
    monkeypatch.setenv("PYTHONPATH", f"{folder / 'hook'}:{root}")
    monkeypatch.setenv("TOWNLET_REDIS_PASSWORD", PASSWORD)
    acl = folder / "users.acl"
    acl.write_text(f"user default off\nuser townlet on >{PASSWORD} ~townlet:* +@all -@dangerous +info\n")
    redis = RedisServer(folder)
    redis.start("--port", str(free_port), "--bind", "127.0.0.1", "--aclfile", str(acl))
    url = f"replay.redis_url=redis://townlet@127.0.0.1:{free_port}/0"
    run = RunProcess(folder / "runs", "L0_minimal.yaml", url, *QUICK, *papers.settings())
    run.token = papers.tokens["operator"]
    with run:
        run.wait_for("training", lambda: (status := run.status()) and status.updates > 20, timeout_s=200)
        yield run, papers, folder / "hook"
    redis.stop()


def admin(run: RunProcess, *words: str, token: str) -> tuple[int, str]:
    """Exit code, and all that is said."""
    command = ["admin", *words, "--json", "--run", str(run.folder.path)]
    done = CliRunner().invoke(app, command, env={"TOWNLET_TOKEN": token})
    return done.exit_code, done.output


def test_a_locked_run_trains_and_shows_no_secret(locked):
    run, papers, hook = locked
    viewer, operator = papers.tokens["viewer"], papers.tokens["operator"]
    secrets = {PASSWORD, *filter(None, papers.tokens.values())}
    secrets |= {path.read_text().splitlines()[1] for path in papers.folder.glob("*.key")}
    said = [admin(run, "pause", token=token) for token in ("", "wrong", viewer)]
    assert [code for code, _ in said] == [1, 1, 1], said
    assert "expected the token of an operator, found that of viewer, a viewer" in said[2][1]
    assert admin(run, "checkpoint", token=operator)[0] == 0
    said += [admin(run, "status", token=viewer), admin(run, "branch", "1", "other", token=operator)]
    assert [code for code, _ in said[3:]] == [0, 0], said
    assert json.loads(said[3][1])["updates"] > 20
    (called,) = [event for event in run.log("learner") if event.get("rpc", "").endswith("/Checkpoint")]
    assert called["operator"] == "operator"

    assert not leaks(secrets, "\n".join(command_lines()))
    assert watches(hook) >= {"replay_service", "learner", "actor", "up", "--evaluate"}
    assert admin(run, "stop", token=operator)[0] == 0
    assert run.wait(100) == 0, run.output
    assert not leaks(secrets, "".join(text for _, text in said))
    written = [path for path in run.folder.path.parent.rglob("*") if path.is_file()]
    assert {path.name for path in written} >= {"config.yaml", "manifest.json", "learner.log", "replay-0.log", "output"}
    assert not [path for path in written if leaks(secrets, path.read_bytes().decode("latin-1"))]
    assert [path.read_text() for path in hook.glob("unpickled-*")] == []


def leaks(secrets: set[str], text: str) -> list[str]:
    return [secret for secret in secrets if secret in text]


def command_lines() -> Iterator[str]:
    """Of every process of this machine that lives."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield path.read_bytes().decode("latin-1")


def watches(hook: Path) -> set[str]:
    """Words of the commands that have been watched from their first line on."""
    return {word for path in hook.glob("watched-*") for word in path.read_text().split()}


def test_the_watch_would_see_it(folder):
    hook = folder / "sitecustomize.py"
    hook.write_text(HOOK.format(folder=str(folder)))
    program = "import pickle, decimal; pickle.loads(pickle.dumps(decimal.Decimal(1)))"
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    python = str(Path(TOWNLET).parent / "python")
    done = subprocess.run([python, "-c", program], check=False, capture_output=True, text=True, env=environment)
    assert (done.returncode, "unpickles ('decimal', 'Decimal')" in done.stderr) == (1, True)
    assert len(list(folder.glob("unpickled-*"))) == 1
