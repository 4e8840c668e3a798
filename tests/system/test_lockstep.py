"""A run in lockstep that was killed and resumed is bit for bit the run that never stopped."""

import json
import random
import shutil
from pathlib import Path

import pytest
from complete_run import flip
from run_process import RunProcess
from version_digest import version_digests

from townlet.checkpoint.manifest import folder_of
from townlet.checkpoint.store import VersionStore

TWO_OF_EACH = (
    *("schedule.kind=lockstep", "actor.count=2", "actor.lanes=16", "evaluation.enabled=false", "evaluation.goal=null"),
    *("replay.addresses=['127.0.0.1:0', '127.0.0.1:0']", "replay.capacity=12000", "replay.min_size_to_sample=1000"),
    *("checkpoint.keep.last=1000", "learner.batches_per_request=2", "replay.sampler={kind: prioritized}"),
)
FEED_FORWARD = ("L1_full.yaml", "network.hidden=[32]", "schedule.updates_per_round=4", "learner.batch_size=16")
STAGES = "[{multiplier: 0.2, decaying: [energy], costs: false}, {multiplier: 1.0, decaying: null, costs: true}]"
RECURRENT = (
    *("L2_partial.yaml", "network={kind: recurrent_mlp_q, hidden: 16}", "schedule.updates_per_round=3"),
    *("learner.batch_size=8", "learner.sequence={burn_in: 8, unroll: 8, period: 8}", "exploration={kind: decay}"),
    *("curiosity={kind: rnd, hidden: [16], embedding: 8}", f"curriculum={{kind: adversarial, stages: {STAGES}}}"),
    *("curriculum.window_episodes=2", "curriculum.min_episodes_at_stage=2", "curriculum.advance_survival=0.2"),
    *("curriculum.advance_entropy=1.0", "curriculum.retreat_survival=0.1"),
)
GYMNASIUM = ("cartpole.yaml", "network.hidden=[32]", "schedule.updates_per_round=4", "learner.batch_size=16")
CASES = {"feed-forward": FEED_FORWARD, "recurrent": RECURRENT, "gymnasium": GYMNASIUM}

pytestmark = pytest.mark.timeout(900)


class Lockstep:
    """Runs of one configuration that differ in nothing but how often they are saved and what dies."""

    def __init__(self, folder: Path, case: str, lag: int, updates: int) -> None:
        self._folder = folder
        config, *overrides = CASES[case]
        self._settings = (config, *TWO_OF_EACH, *overrides, f"schedule.lag={lag}", f"learner.max_updates={updates}")

    def run(self, name: str, period_s: float | None, *options: str) -> RunProcess:
        period = "null" if period_s is None else str(period_s)
        return RunProcess(self._folder / name, *self._settings, f"checkpoint.period_s={period}", options=options)


def rounds(run: RunProcess) -> list[str]:
    """The lines of its diary."""
    return run.folder.diary.read_text().splitlines() if run.folder.diary.exists() else []


def finished(run: RunProcess) -> tuple[list[str], dict[str, str]]:
    """Diary and last version of a run that comes to its end."""
    assert run.wait(500) == 0, run.output
    store = VersionStore(run.folder.versions)
    return rounds(run), version_digests(store, store.newest())


@pytest.mark.parametrize(
    ("case", "lag", "victim"),
    [
        ("feed-forward", 1, "everything"),
        *(
            pytest.param(case, lag, victim, marks=pytest.mark.slow)
            for case, lag, victim in (
                ("recurrent", 0, "actor"),
                ("recurrent", 1, "everything"),
                ("recurrent", 1, "replay_service"),
                ("feed-forward", 0, "learner"),
                ("feed-forward", 1, "redis"),
                ("gymnasium", 1, "everything"),
            )
        ),
    ],
)
def test_whoever_dies_the_run_is_the_one_that_never_stopped(short_folder, case, lag, victim):
    twins = Lockstep(short_folder, case, lag, updates=160)
    with twins.run("a", period_s=None) as untouched:
        expected = finished(untouched)
    with twins.run("b", period_s=0.5) as run:
        run.wait_for("rounds that are learned from", lambda: len(rounds(run)) > 25)
        if victim == "everything":
            run.kill_everything()
            run.start()
        else:
            run.kill(victim)
        found = finished(run)
    resumed = [entry for entry in run.log("learner") if entry["event"] == "resumed"]
    assert bool(resumed) == (victim != "redis")  # which keeps what it has acknowledged: the round only waits for it
    assert len(expected[0]) > 40
    assert found == expected


@pytest.mark.slow
def test_a_run_that_passes_over_a_damaged_version_is_the_one_that_never_stopped(short_folder):
    twins = Lockstep(short_folder, "recurrent", 1, updates=160)
    with twins.run("a", period_s=None) as untouched:
        expected = finished(untouched)
    with twins.run("b", period_s=0.5) as run:
        run.wait_for("rounds that are learned from", lambda: len(rounds(run)) > 25)
        run.kill_everything()
    damaged = VersionStore(run.folder.versions).newest()
    flip(run.folder.versions / folder_of(damaged) / "actor-1.safetensors")
    with twins.run("b", 0.5, "--fallback") as run:
        found = finished(run)
    (resumed,) = [entry for entry in run.log("learner") if entry["event"] == "resumed"]
    assert resumed["version"] < damaged
    assert found == expected


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("lag", [0, 1])
@pytest.mark.parametrize("case", CASES)
def test_a_run_resumed_at_any_version_is_the_one_that_never_stopped(short_folder, case, lag):
    twins = Lockstep(short_folder, case, lag, updates={"recurrent": 450}.get(case, 800))
    with twins.run("a", period_s=None) as untouched:
        expected = finished(untouched)
    with twins.run("b", period_s=0.1) as saved:
        assert finished(saved) == expected
    last = len(expected[0])
    choice = random.Random(lag)
    store = VersionStore(saved.folder.versions)
    early = [each.version for each in store.versions() if each.manifest.counters["round"] <= last - 50]
    cuts = choice.sample(early, 20)
    print(f"{case}, lag {lag}: cut at rounds", [store.manifest(cut).counters["round"] for cut in cuts])  # noqa: T201
    lanes_at_stage = json.loads(expected[0][-1])["lanes_at_stage"]
    assert bool(sum(lanes_at_stage[1:])) == (case == "recurrent")  # its curriculum moves
    for number, cut in enumerate(cuts):
        with resumed_at(twins, saved, cut) as run:
            if number % 4 == 0:
                die_and_go_on(run)
            assert finished(run) == expected, f"version {cut}"
        shutil.rmtree(run.folder.path.parent)


def resumed_at(twins: Lockstep, saved: RunProcess, version: int) -> RunProcess:
    """A run that finds nothing but diary and versions up to this one: its own replay is gone."""
    run = twins.run("c", period_s=1.0)
    shutil.copytree(saved.folder.versions, run.folder.versions)
    shutil.copy(saved.folder.diary, run.folder.diary)
    store = VersionStore(run.folder.versions)
    for listed in store.versions():
        if listed.version > version:
            store.delete(listed.version)
    return run


def die_and_go_on(run: RunProcess) -> None:
    """Once it has made a version of its own: what is resumed then was resumed before."""
    store = VersionStore(run.folder.versions)
    before = store.newest()
    run.wait_for("a version of its own", lambda: store.newest() > before, timeout_s=300)
    run.kill_everything()
    run.start()


def test_the_diary_says_what_was_learned_in_each_round(short_folder):
    with Lockstep(short_folder, "feed-forward", 1, updates=8).run("a", period_s=None) as run:
        lines = [json.loads(line) for line in finished(run)[0]]
    assert [line["round"] for line in lines] == list(range(1, len(lines) + 1))
    assert [line["environment_steps"] for line in lines] == [512 * line["round"] for line in lines]
    assert lines[-1]["updates"] == 8
    assert {"loss", "mean_q", "gradient_norm"} <= lines[-1].keys()
    assert len({line["online"] for line in lines}) == 3  # before the first updates, and after each round of them
