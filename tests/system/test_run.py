"""Whole runs, as a user starts them: they learn, survive deaths, and stop cleanly."""

import json
import re
import signal
import subprocess
import time

import pytest
from run_process import TOWNLET, RunProcess
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from townlet.checkpoint.store import VersionStore

QUICK = ("evaluation.episodes=20", "evaluation.period_updates=300", "learner.save_period_s=1", "checkpoint.period_s=2")


@pytest.fixture
def start(short_folder):
    """Starts a run that is stopped when the test ends."""
    runs = []

    def start(config: str, *overrides: str) -> RunProcess:
        run = RunProcess(short_folder, config, *overrides)
        runs.append(run)
        return run.start()

    yield start
    for run in runs:
        run.__exit__()


def curves(run: RunProcess) -> list[str]:
    """The names of the TensorBoard curves that a run has written."""
    events = EventAccumulator(str(run.folder.tensorboard))
    events.Reload()
    return events.Tags()["scalars"]


def evaluated(run: RunProcess, *options: str) -> dict:
    """What `townlet evaluate` says of the same two hundred episodes."""
    command = [TOWNLET, "evaluate", str(run.folder.path), "--episodes", "200", "--seed", "1", "--json", *options]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.timeout(600)
def test_an_agent_learns_l0_to_its_cap_and_the_run_ends_by_itself(start):
    run = start("L0_minimal.yaml")
    assert run.wait(480) == 0, run.output
    result = json.loads(run.folder.result.read_text())
    assert result["goal"]["confirmed"]
    assert max(point["mean_survival"] for point in result["evaluations"]) >= 0.95 * 300
    assert "goal reached after" in run.output
    assert "\x1b" not in run.output  # no terminal, no control codes
    assert set(curves(run)) >= {
        *("episodes", "updates", "environment_steps_per_s", "updates_per_s", "epsilon/min", "epsilon/max"),
        *("survival/training", "survival/greedy", "learner/loss", "replay/records", "policy/lag_mean"),
        "goal/reached_s",
    }
    values = evaluated(run)
    assert values["mean_survival"] >= 0.9 * 300  # it lasts; what it reached stands above
    assert values["mean_survival"] > values["baselines"]["wait for ever"]["mean_survival"] + 50
    assert evaluated(run, "--version", str(VersionStore(run.folder.versions).newest())) == values  # made at the end
    unknown = subprocess.run(
        [TOWNLET, "evaluate", str(run.folder.path), "--version", "999"], check=False, capture_output=True, text=True
    )
    assert unknown.returncode == 2
    assert "999/manifest.json: expected a version, found no such file" in unknown.stderr
    shown = subprocess.run(
        [TOWNLET, "watch", str(run.folder.path), "--episodes", "1", "--seed", "1"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert int(re.search(r"after (\d+) steps", shown.stdout)[1]) >= 0.9 * 300


@pytest.mark.timeout(300)
def test_whatever_dies_comes_back_and_training_goes_on(start):
    run = start("L0_minimal.yaml", *QUICK, "evaluation.goal=null")
    run.wait_for("updates", lambda: (status := run.status()) and status.updates > 200)
    run.wait_for("a version", lambda: VersionStore(run.folder.versions).newest())
    for module in ("actor", "replay_service", "redis", "learner"):
        before = run.account()
        run.kill(module)
        run.wait_for(
            f"training after the death of {module}",
            lambda before=before: (
                (status := run.status())
                and status.updates > before.updates + 100
                and status.environment_steps > before.environment_steps
            ),
        )
        assert "killed by SIGKILL" in run.output
    assert any(entry["event"] == "resumed" for entry in run.log("learner"))
    rebuilt = [entry for entry in run.log("replay-0") if entry["event"] == "rebuilt"]
    assert rebuilt[-1]["episodes"] > 0


@pytest.mark.timeout(120)
@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.slow), signal.SIGTERM])
def test_a_signal_stops_everything_cleanly_and_the_run_can_be_taken_up_again(start, number):
    run = start("L0_minimal.yaml", *QUICK, "evaluation.goal=null")
    run.wait_for("updates", lambda: (status := run.status()) and status.updates > 200)
    run.process.send_signal(number)
    time.sleep(0.01)
    run.process.send_signal(number)  # some send it to the process and to its group
    assert run.wait(30) == 0, run.output
    for module in ("actor", "replay_service", "redis", "learner"):
        assert run.pids(module) == [], module
    for member in ("actor-0", "evaluator", "learner", "replay-0"):
        assert run.log(member)[-1]["event"] == "stopped", member
    updates = json.loads(run.folder.result.read_text())["updates"]
    again = start("L0_minimal.yaml", *QUICK, "evaluation.goal=null")
    again.wait_for("more updates", lambda: (status := again.status()) and status.updates > updates + 100)
    assert [entry for entry in again.log("learner") if entry["event"] == "resumed"][-1]["updates"] == updates


@pytest.mark.timeout(120)
def test_children_do_not_outlive_a_launcher_that_is_killed(start):
    run = start("L0_minimal.yaml", *QUICK)
    run.wait_for("a learner", lambda: run.pids("learner") and run.status())
    run.process.kill()
    run.process.wait()
    deadline = time.monotonic() + 30
    while any(run.pids(module) for module in ("actor", "replay_service", "redis", "learner")):
        assert time.monotonic() < deadline
        time.sleep(0.1)
