"""Restoring decides at one moment, and what it goes back to is exactly what was."""

from pathlib import Path

import pytest
from run_process import RunProcess
from typer.testing import CliRunner
from version_digest import version_digests

from townlet.checkpoint.store import VersionStore
from townlet.cli import app

SETTINGS = (
    *("schedule.kind=lockstep", "schedule.updates_per_round=4", "actor.count=2", "actor.lanes=8"),
    *("evaluation.enabled=false", "evaluation.goal=null", "replay.min_size_to_sample=1000", "replay.capacity=12000"),
    *("replay.addresses=['127.0.0.1:0', '127.0.0.1:0']", "replay.sampler={kind: prioritized}"),
    *("checkpoint.period_s=1", "checkpoint.keep.last=1000", "learner.batch_size=16", "learner.batches_per_request=2"),
    *("network.hidden=[32]", "learner.max_updates=400"),
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def diary(run: RunProcess) -> list[str]:
    return run.folder.diary.read_text().splitlines() if run.folder.diary.exists() else []


def finished(run: RunProcess) -> tuple[list[str], dict[str, str]]:
    assert run.wait(300) == 0, run.output
    store = VersionStore(run.folder.versions)
    return diary(run), version_digests(store, store.newest())


def restore(run: RunProcess, version: int) -> None:
    done = CliRunner().invoke(app, ["admin", "restore", str(version), "--json", "--run", str(run.folder.path)])
    assert done.exit_code == 0, done.output


def listed(run: RunProcess):
    return VersionStore(run.folder.versions).versions()


@pytest.mark.parametrize("lag", [0, 1])
def test_a_restore_of_a_restore_changes_nothing_of_what_is_learned(short_folder: Path, lag: int):
    with RunProcess(short_folder / "a", "L0_minimal.yaml", *SETTINGS, f"schedule.lag={lag}") as untouched:
        expected = finished(untouched)
    with RunProcess(short_folder / "b", "L0_minimal.yaml", *SETTINGS, f"schedule.lag={lag}") as run:
        run.wait_for("rounds that are learned from", lambda: len(diary(run)) > 30)
        first = next(each for each in listed(run) if each.manifest.counters["updates"] > 0).version
        restore(run, first)
        copy = next(each.version for each in listed(run) if each.manifest.restores == first)
        run.wait_for("rounds after the restore", lambda: len(diary(run)) > 30)
        restore(run, copy)
        found = finished(run)
    assert [each.manifest.restores for each in listed(run) if each.manifest.restores] == [first, copy]
    assert len(expected[0]) > 60
    assert found == expected


@pytest.mark.parametrize(("place", "goes_back"), [("restore.before_commit", False), ("restore.after_commit", True)])
def test_a_learner_that_dies_while_it_restores_has_done_so_or_has_not(short_folder, monkeypatch, place, goes_back):
    monkeypatch.setenv("TOWNLET_FAILPOINTS", f"{place}=kill")
    settings = (
        "evaluation.enabled=false",
        "evaluation.goal=null",
        "checkpoint.period_s=2",
        "checkpoint.keep.last=1000",
    )
    with RunProcess(short_folder, "L0_minimal.yaml", *settings) as run:
        run.wait_for("versions", lambda: len([each for each in run.log("learner") if each["event"] == "version"]) > 3)
        first, *_, newest = [each.version for each in listed(run)]
        done = CliRunner().invoke(app, ["admin", "restore", str(first), "--run", str(run.folder.path)])
        assert (done.exit_code, "does not answer" in " ".join(done.stderr.split())) == (3, True)
        run.wait_for("the learner again", lambda: [each for each in run.log("learner") if each["event"] == "resumed"])
        resumed = [each for each in run.log("learner") if each["event"] == "resumed"][-1]["version"]
        copies = [each.version for each in listed(run) if each.manifest.restores == first]
        assert copies == ([resumed] if goes_back else [])
        assert resumed > newest if goes_back else resumed >= newest
        run.wait_for("training", lambda: (status := run.status()) and status.resumed_version and status.updates_per_s)

        def taken_up() -> list[dict]:
            return [each for each in run.log("actor-0") if each["event"] == "taken_up"]

        if goes_back:
            run.wait_for("the actor that goes back", taken_up)
        assert bool(taken_up()) == goes_back
