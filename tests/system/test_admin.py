"""A run is looked at and steered while it trains, as a person or a program does it."""

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from run_process import TOWNLET, RunProcess
from typer.testing import CliRunner

from townlet.checkpoint.store import VersionStore
from townlet.cli import app
from townlet.config_file import load_config

DOCS = Path(__file__).parents[2] / "docs" / "admin.md"
BUF = str(Path(sys.executable).parent / "buf")
QUICK = (
    *("evaluation.enabled=false", "evaluation.goal=null", "checkpoint.period_s=null", "checkpoint.keep.last=20"),
    *("actor.count=2", "actor.lanes=8", "replay.capacity=20000", "replay.samples_per_insert=1"),
)

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def run() -> Iterator[RunProcess]:
    with tempfile.TemporaryDirectory(prefix="townlet-", dir="/tmp") as folder:
        run = RunProcess(Path(folder), "L0_minimal.yaml", *QUICK)
        with run:
            run.wait_for(
                "training with both actors",
                lambda: (status := run.status()) and status.updates > 20 and status.actors == 2,
            )
            until(
                "steps of both", lambda: all(each["environment_steps"] for each in admin(run, "actors")[0]["members"])
            )
            yield run


def admin(run: RunProcess, *words: str, code: int = 0) -> list[dict]:
    """What a command prints as JSON, line by line; of one that fails its sentence."""
    done = CliRunner().invoke(app, ["admin", *words, "--json", "--run", str(run.folder.path)])
    assert done.exit_code == code, done.output
    return [{"reason": done.stderr}] if code else [json.loads(line) for line in done.stdout.splitlines()]


def admin_process(run: RunProcess, *words: str) -> tuple[int, list[dict]]:
    """The same by a process of its own: exit code and JSON."""
    command = [TOWNLET, "admin", *words, "--json", "--run", str(run.folder.path)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=150)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def until(what: str, happened, timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < deadline, f"no {what} within {timeout_s} s"
        time.sleep(0.1)


def checkpoint(run: RunProcess) -> int:
    code, steps = admin_process(run, "checkpoint")
    assert code == 0
    assert [step["step"] for step in steps] == ["announced", "cut", "written", "committed"]
    return steps[-1]["version"]


def test_a_run_is_steered_while_it_trains_and_taken_back(run):
    pauses(run)
    takes_up_what_is_set(run)
    looks_after_versions(run)
    goes_back(run)


def test_a_run_is_called_without_the_command_loses_an_actor_and_stops(run):
    answers_the_documented_calls(run)
    lets_an_actor_go(run)
    stops(run)


def pauses(run: RunProcess) -> None:
    """The training stands still, and a version can be made meanwhile."""
    admin(run, "pause")
    admin(run, "pause")
    checkpoint(run)  # between two updates: the one that was being made has been
    (paused,) = admin(run, "status")
    assert paused["paused"]
    version = checkpoint(run)
    (still,) = admin(run, "status")
    assert (still["updates"], still["newest_version"]) == (paused["updates"], version)
    admin(run, "resume")
    until("update", lambda: run.account().updates > paused["updates"])
    assert not run.account().paused


def takes_up_what_is_set(run: RunProcess) -> None:
    """What is set takes effect, and is in the next version."""
    admin(run, "set", "learner.learning_rate", "1e-5")
    admin(run, "set", "exploration.base", "0.25")
    admin(run, "set", "replay.samples_per_insert", "3")
    (refused,) = admin(run, "set", "learner.gamma", "0.5", code=2)
    assert "set learner.gamma: expected one of learner.learning_rate" in refused["reason"]
    (refused,) = admin(run, "set", "exploration.base", "1.5", code=2)
    assert "set exploration.base: expected less than 1, found 1.5" in refused["reason"]
    (status,) = admin(run, "status")
    set_values = {value["key"]: value["value"] for value in status["set_values"]}
    assert set_values == {"learner.learning_rate": 1e-5, "exploration.base": 0.25, "replay.samples_per_insert": 3.0}
    assert status["epsilon_max"] == 0.25
    run.wait_for("the limiter's ratio", lambda: [e for e in run.log("replay-0") if e["event"] == "limiter_set"])
    (shown,) = admin(run, "show", str(checkpoint(run)))
    assert {value["key"]: value["value"] for value in shown["set_values"]} == set_values


def looks_after_versions(run: RunProcess) -> None:
    """Good ones are told from those that are missing; what is needed is not deleted."""
    (listed,) = admin(run, "versions")
    first, *_, newest = [version["version"] for version in listed["versions"]]
    *told, good = admin(run, "verify", str(first))
    assert {event["verified"]["component"] for event in told} == {"learner", "actor-0", "actor-1", "replay-0"}
    assert good == {"version": first, "good": True}
    admin(run, "pin", str(first))
    assert "not pinned; unpin it first" in admin(run, "delete", str(first), code=1)[0]["reason"]
    assert "the run stands on this version" in admin(run, "delete", str(newest), code=1)[0]["reason"]
    assert "expected a version, found no such file" in admin(run, "verify", "999", code=4)[0]["reason"]


def goes_back(run: RunProcess) -> None:
    """Every process goes back to a version, and an ordinary one is made then."""
    first = admin(run, "versions")[0]["versions"][0]
    lost = checkpoint(run)
    before = run.status()
    assert before.updates > first["counters"]["updates"]
    events = admin(run, "restore", str(first["version"]))
    copy = events[-2]["committed_version"]
    assert (copy, events[-1]) == (lost + 1, {"resumed_version": copy})
    after = run.status()
    assert (after.resumed_version, list(after.set_values)) == (copy, [])
    assert after.epsilon_max > 0.25
    for actor in ("actor-0", "actor-1"):
        run.wait_for(
            f"{actor} to go back",
            lambda actor=actor: [e for e in run.log(actor) if e["event"] == "taken_up" and e["version"] == copy],
        )
        assert [e for e in run.log(actor) if e["event"] == "starts_over"]
    taken_up = [e for e in run.log("replay-0") if e["event"] == "taken_up"]
    assert taken_up[-1]["version"] == copy
    manifest = VersionStore(run.folder.versions).manifest(copy)
    resumed = [e for e in run.log("learner") if e["event"] == "resumed"]
    assert resumed[-1]["updates"] == manifest.counters["updates"] == first["counters"]["updates"]
    run.wait_for("the version after it", lambda: run.account().newest_version > copy)
    assert run.process.poll() is None


def answers_the_documented_calls(run: RunProcess) -> None:
    """Each line of the documentation does what it says."""
    address = load_config(run.folder.config).learner.address
    lines = re.findall(r"^    buf (curl .*)$", DOCS.read_text(), re.MULTILINE)
    assert len(lines) == 17
    # What takes everything away is only asked of what is not there; the other tests do it.
    harmless = {'{"actor": "actor-1"}': '{"actor": "actor-9"}'}
    for line in lines:
        method = line.rpartition("/")[2]
        if method == "Stop":
            continue
        if method in ("RestoreVersion", "DeleteVersion"):
            line = line.replace('"version": 1}', '"version": 999}')  # noqa: PLW2901
        words = re.findall(r"'[^']*'|\S+", line.replace("ADDRESS", address))
        words = [harmless.get(word.strip("'"), word.strip("'")) for word in words]
        if method == "Watch":
            watches([BUF, *words])
            continue
        done = subprocess.run([BUF, *words], check=False, capture_output=True, text=True, timeout=60)
        refused = {"RestoreVersion": "data_loss", "DeleteVersion": "data_loss", "Drain": "failed_precondition"}
        if method in refused:
            assert refused[method] in done.stderr, (line, done.stderr)
        else:
            assert done.returncode == 0, (line, done.stderr)
    branched = load_config(run.folder.path.parent / "other" / "config.yaml")
    assert VersionStore(branched.run.folder / "versions").verify(1).origin.run == "r"


def watches(command: list[str]) -> None:
    """The state comes again and again."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
        states = 0
        while states < 2:  # ends with the test's time, if it must
            line = watching.stdout.readline()
            assert line, f"{command} ended after {states} states"
            states += '"run": "r"' in line
        watching.terminate()


def lets_an_actor_go(run: RunProcess) -> None:
    """It leaves, and nobody misses it."""
    events = admin(run, "drain", "actor-1")
    assert [event["state"] for event in events] == ["draining", "left"]
    run.wait_for_output("actor-1 has left")
    version = checkpoint(run)
    assert set(VersionStore(run.folder.versions).manifest(version).members) == {"learner", "actor-0", "replay-0"}
    (answer,) = admin(run, "actors")
    assert {member["name"]: member["state"] for member in answer["members"]} == {
        "actor-0": "present",
        "actor-1": "left",
    }
    assert len(run.pids("actor")) == 1


def stops(run: RunProcess) -> None:
    """A last version is made; then the run is looked after by its files."""
    before = admin(run, "versions")[0]["versions"][-1]["version"]
    assert admin_process(run, "stop") == (0, [{"stops": True}, {"stopped": True}])
    assert run.wait(60) == 0, run.output
    assert VersionStore(run.folder.versions).newest() > before
    assert admin_process(run, "status") == (3, [])
    assert admin(run, "versions")[0]["versions"][-1]["version"] > before
