"""A learner of two ranks: trains, makes versions that one rank goes on from as well, and never hangs."""

import os
import signal
from pathlib import Path

import pytest
from run_process import RunProcess
from version_digest import version_digests

from townlet.checkpoint.store import VersionStore

SMALL = (
    *("L1_full.yaml", "network.hidden=[32]", "learner.batch_size=16", "replay.capacity=12000", "actor.lanes=16"),
    *("replay.min_size_to_sample=300", "replay.sampler={kind: prioritized}", "evaluation.enabled=false"),
    *("evaluation.goal=null", "learner.batches_per_request=2", "checkpoint.keep.last=1000"),
)
LOCKSTEP = ("schedule.kind=lockstep", "schedule.updates_per_round=4", "learner.max_updates=160")

STARTING_S = 900.0
"""A machine with much else to do takes its time to start so many processes."""

pytestmark = pytest.mark.timeout(3600)


def updates(run: RunProcess) -> int:
    status = run.status()
    return status.updates if status else 0


def events(run: RunProcess, name: str) -> list[dict[str, object]]:
    return [entry for entry in run.log("learner") if entry["event"] == name]


def kill_the_second_rank(run: RunProcess) -> None:
    started = [entry for entry in events(run, "started") if entry["member"] == "learner-rank-1"]
    os.kill(started[-1]["pid"], signal.SIGKILL)


def stop(run: RunProcess) -> int:
    """In order; the updates in its last version."""
    run.process.send_signal(signal.SIGTERM)
    assert run.wait(300) == 0, run.output
    store = VersionStore(run.folder.versions)
    return store.manifest(store.newest()).counters["updates"]


@pytest.mark.slow
def test_two_ranks_train_and_what_they_saved_is_taken_up_by_one_and_by_two(short_folder):
    with RunProcess(short_folder, *SMALL, "learner.ranks=2") as run:
        run.wait_for("updates", lambda: updates(run) > 30, timeout_s=STARTING_S)
        kill_the_second_rank(run)
        run.wait_for("the first rank to know", lambda: events(run, "failed"), timeout_s=120)
        run.wait_for("both again", lambda: len(events(run, "ranks_met")) == 4, timeout_s=STARTING_S)
        saved = stop(run)
    failed = [entry["reason"] for entry in events(run, "failed")]
    assert failed[0].startswith("another rank of the learner is gone, or does not answer: ")
    for ranks in (1, 2):
        saved = go_on(short_folder, ranks, saved)
    assert len(events(run, "ranks_met")) == 6
    assert not any(entry["level"] == "error" for entry in run.log("learner")[-10:])


def go_on(folder: Path, ranks: int, saved: int) -> int:
    """With so many ranks, from a version with so many updates; those in the last one."""
    with RunProcess(folder, *SMALL, f"learner.ranks={ranks}") as run:
        run.wait_for("more updates", lambda: updates(run) > saved + 10, timeout_s=STARTING_S)
        assert events(run, "resumed")[-1]["updates"] == saved
        return stop(run)


@pytest.mark.slow
def test_two_ranks_in_lockstep_repeat_themselves_whoever_is_killed(short_folder):
    with RunProcess(short_folder / "a", *SMALL, *LOCKSTEP, "learner.ranks=2", "checkpoint.period_s=null") as untouched:
        expected = finished(untouched)
    with RunProcess(short_folder / "b", *SMALL, *LOCKSTEP, "learner.ranks=2", "checkpoint.period_s=0.5") as run:
        run.wait_for("rounds", lambda: run.folder.diary.exists() and len(diary(run)) > 25, timeout_s=STARTING_S)
        kill_the_second_rank(run)
        found = finished(run)
    assert events(run, "resumed")
    assert len(expected[0]) > 40
    assert found == expected


def diary(run: RunProcess) -> list[str]:
    return run.folder.diary.read_text().splitlines()


def finished(run: RunProcess) -> tuple[list[str], dict[str, str]]:
    """Diary and last version of a run that comes to its end."""
    assert run.wait(1500) == 0, run.output
    store = VersionStore(run.folder.versions)
    return diary(run), version_digests(store, store.newest())
