"""Versions of a whole run: made while it trains, complete everywhere or not there, and gone on from after any death."""

import json
import shutil

import pytest
from run_process import RunProcess

from townlet.checkpoint.store import VersionStore

QUICK = ("evaluation.enabled=false", "evaluation.goal=null", "learner.save_period_s=1", "checkpoint.period_s=2")
TWO_OF_EACH = (
    *("actor.count=2", "actor.lanes=16"),
    *("replay.addresses=['127.0.0.1:0', '127.0.0.1:0']", "replay.capacity=40000"),
)
MEMBERS = {"learner", "actor-0", "actor-1", "replay-0", "replay-1"}

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def start(short_folder):
    runs = []

    def start(config: str = "L2R_recurrent.yaml", overrides=TWO_OF_EACH) -> RunProcess:
        run = RunProcess(short_folder, config, *QUICK, *overrides)
        runs.append(run)
        return run.start()

    yield start
    for run in runs:
        run.__exit__()


def newest(run: RunProcess):
    """The newest version's manifest; None before the first."""
    store = VersionStore(run.folder.versions)
    version = store.newest() if run.folder.versions.exists() else None
    return store.manifest(version) if version else None


def trained(run: RunProcess, updates: int) -> bool:
    return bool((status := run.status()) and status.updates > updates)


def events(run: RunProcess, member: str, event: str) -> list[dict]:
    return [entry for entry in run.log(member) if entry["event"] == event]


def test_a_run_that_was_killed_goes_on_from_its_newest_version_everywhere(start):
    run = start(overrides=(*TWO_OF_EACH, "checkpoint.keep.last=50"))
    run.wait_for("a version of what was trained", lambda: (m := newest(run)) and m.counters["updates"] > 20)
    run.wait_for("a version of all who act by now", lambda: set(newest(run).members) == MEMBERS)
    manifest = newest(run)
    VersionStore(run.folder.versions).verify(manifest.version)
    run.kill_everything()
    version = newest(run)
    again = start(overrides=(*TWO_OF_EACH, "checkpoint.keep.last=50"))
    again.wait_for("training that goes on", lambda: trained(again, version.counters["updates"] + 20))
    assert events(again, "learner", "resumed")[-1]["version"] == version.version
    for actor in ("actor-0", "actor-1"):
        again.wait_for(f"{actor} as it was", lambda actor=actor: events(again, actor, "taken_up"))
        assert events(again, actor, "taken_up")[-1]["version"] == version.version
    steps = version.counters["environment_steps"]
    again.wait_for("steps that go on", lambda: again.account().environment_steps > steps)
    again.wait_for("another version", lambda: newest(again).version > version.version)
    later = [each.manifest for each in VersionStore(run.folder.versions).versions() if each.version > version.version]
    assert min(later, key=lambda manifest: manifest.version).parent == version.version


def test_shards_whose_redis_is_lost_take_the_version_up(start):
    run = start()
    run.wait_for(
        "a version with episodes of both shards",
        lambda: (m := newest(run)) and min(m.counters["replay-0.appended"], m.counters["replay-1.appended"]) > 5,
    )
    run.process.terminate()
    assert run.wait(60) == 0, run.output
    last = newest(run)
    assert last.counters["updates"] == json.loads(run.folder.result.read_text())["updates"]
    shutil.rmtree(run.folder.redis)
    again = start()
    again.wait_for("training that goes on", lambda: trained(again, last.counters["updates"] + 20))
    for shard in ("replay-0", "replay-1"):
        taken = events(again, shard, "taken_up")[-1]
        assert (taken["version"], taken["episodes"] > 0) == (last.version, True)


@pytest.mark.parametrize(
    "place",
    [
        "actor.hold.after_flush",
        "version.before_commit",
        "replay.version.before_state",
        *(
            pytest.param(place, marks=pytest.mark.slow)
            for place in ("actor.version.before_state", "version.before_cut", "version.after_commit")
        ),
    ],
)
def test_whoever_dies_while_a_version_is_made_it_is_whole_or_not_there_and_training_goes_on(start, place, monkeypatch):
    monkeypatch.setenv("TOWNLET_FAILPOINTS", f"{place}=kill@2")  # the second time, in each life
    run = start("L0_minimal.yaml", ("checkpoint.cut_limit_s=10", "checkpoint.write_limit_s=10"))
    run.wait_for("a death", lambda: "killed by SIGKILL" in run.output)
    seen = newest(run)
    run.wait_for("a version after the death", lambda: (m := newest(run)) and (not seen or m.version > seen.version))
    store = VersionStore(run.folder.versions)
    for listed in store.versions():
        store.verify(listed.version)
    before = newest(run).counters["updates"]
    run.wait_for("training that goes on", lambda: trained(run, before + 20))
