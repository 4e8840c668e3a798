"""Services without a launcher: all of them are told to stop at the same moment, or one alone."""

import json
import signal
import time

import pytest
import structlog
from plain_services import PlainServices

from townlet.checkpoint.store import VersionStore

QUICK = ("evaluation.goal=null", "evaluation.enabled=false", "checkpoint.period_s=null", "actor.lanes=8")
ASYNC = (*QUICK, "replay.min_size_to_sample=500", "actor.count=2")
LOCKSTEP = (*QUICK, "schedule={kind: lockstep, steps_per_round: 40}", "actor.count=2")

log = structlog.get_logger()


@pytest.fixture
def services(short_folder, redis_server):
    """Makes the services of one run; they are killed when the test ends."""
    made = []

    def make(*overrides: str, shards: int = 1) -> PlainServices:
        made.append(PlainServices(short_folder / "runs", "L0_minimal.yaml", redis_server.url, shards, *overrides))
        return made[-1]

    yield make
    for each in made:
        each.__exit__()


def start_all(run: PlainServices, *, named: bool) -> None:
    """All at once: whoever needs another one waits for it."""
    for shard in range(len(run.config.replay.addresses)):
        run.start(f"replay-{shard}", "replay_service", "--index", str(shard))
    run.start("learner", "learner")
    for actor in range(run.config.actor.count):
        run.start(f"process-{actor}", "actor", *(["--index", str(actor)] if named else []))


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("overrides", "named"),
    [(ASYNC, False), pytest.param(LOCKSTEP, True, marks=pytest.mark.slow)],
    ids=["async", "lockstep"],
)
def test_all_that_are_told_to_stop_at_once_make_a_version_of_what_they_were_in_the_end(services, overrides, named):
    run = services(*overrides, shards=2)
    start_all(run, named=named)
    run.wait_for_updates(60)
    run.wait_for("both actors to act", lambda: all(member.environment_steps for member in run.members()))
    codes, seconds = run.stop_all()
    log.info("all_have_stopped", seconds=round(seconds, 1))
    assert set(codes.values()) == {0}, (codes, [run.log(name)[-3:] for name in codes])
    store = VersionStore(run.folder.versions)
    manifest = store.manifest(store.newest())
    assert set(manifest.members) == {"learner", "replay-0", "replay-1", "actor-0", "actor-1"}
    assert run.logged("learner", "version")[-1]["why"] == "the learner stops"
    result = json.loads(run.folder.result.read_text())
    counters = {key: manifest.counters[key] for key in ("updates", "environment_steps", "episodes")}
    assert counters == {key: result[key] for key in counters}

    start_all(run, named=named)
    run.wait_for_updates(manifest.counters["updates"] + 20)
    assert run.logged("learner", "resumed")[-1]["updates"] == manifest.counters["updates"]

    def all_taken_up():
        return [entry for actor in (0, 1) for entry in run.logged(f"process-{actor}", "taken_up")]

    run.wait_for("both actors", lambda: len(all_taken_up()) == 2)
    taken_up = all_taken_up()
    assert {entry["member"] for entry in taken_up} == {"actor-0", "actor-1"}
    assert {entry["version"] for entry in taken_up} == {manifest.version}
    assert set(run.stop_all()[0].values()) == {0}


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_one_that_is_stopped_alone_leaves_and_its_place_is_taken(services):
    run = services(*ASYNC)
    start_all(run, named=False)
    run.wait_for_updates(60)
    leaving = run.processes.pop("process-0")
    name = run.logged("process-0", "joined")[-1]["member"]
    began_s = time.monotonic()
    leaving.terminate()
    assert leaving.wait(100) == 0
    log.info("one_has_stopped", seconds=round(time.monotonic() - began_s, 1))
    assert run.logged("learner", "member_left")[-1]["member"] == name
    assert run.processes["learner"].poll() is None
    run.start("next", "actor")
    run.wait_for("the next one", lambda: run.log("learner") and run.logged("learner", "place_given")[2:])
    assert run.logged("learner", "place_given")[-1]["member"] == name
    run.wait_for_updates(run.status().updates + 40)
    assert set(run.stop_all()[0].values()) == {0}


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_an_actor_that_wakes_after_its_place_was_given_away_starts_over_as_another(services):
    run = services(*ASYNC)
    start_all(run, named=False)
    run.wait_for_updates(60)
    name = run.logged("process-0", "joined")[-1]["member"]
    run.signal("process-0", signal.SIGSTOP)
    run.start("next", "actor")
    run.wait_for("a place for the next one", lambda: run.logged("learner", "place_given")[2:])
    if run.logged("learner", "place_given")[-1]["member"] != name:  # it was not silent for long enough yet
        time.sleep(12)
        run.start("another", "actor")
        run.wait_for("its place", lambda: run.logged("learner", "place_given")[3:])
    assert run.logged("learner", "place_given")[-1]["member"] == name
    given = len(run.logged("learner", "place_given"))
    run.signal("process-0", signal.SIGCONT)
    run.wait_for("a start", lambda: run.logged("process-0", "starts_over"))
    run.wait_for("a place of its own", lambda: run.logged("learner", "place_given")[given:])
    places = [entry["member"] for entry in run.logged("learner", "place_given")]
    assert len(set(places)) == len(run.processes) - 2, places  # all but the learner and the shard
    run.wait_for_updates(run.status().updates + 40)
    assert set(run.stop_all()[0].values()) == {0}
