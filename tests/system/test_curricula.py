"""A whole run under a curriculum: its stages are told wherever one looks."""

import pytest
from run_process import RunProcess
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

ACTORS = ("actor-0", "actor-1")
STAGES = ("stage_mean", "stage_min", "stage_max", "advances", "retreats")


@pytest.mark.timeout(180)
def test_a_run_tells_the_stages_of_its_lanes(short_folder):
    rested = "world.affordances.Job.instant.effects.energy=0"  # work tires nobody to death: all reach the first cap, 50
    settings = ("actor.count=2", "actor.lanes=8", "curriculum.window_episodes=3", "evaluation.enabled=false", rested)
    with RunProcess(short_folder, "three_meter_staged.yaml", *settings) as run:
        run.wait_for("stages", lambda: all(len(_told(run, actor)) >= 8 for actor in ACTORS))
        curriculum = run.account().curriculum
        assert 2.0 <= curriculum.stage_mean <= curriculum.stage_max <= 4
        assert curriculum.advances >= 16
        assert curriculum.retreats == 0
        run.wait_for_output(r"curriculum stage [2-4]\.\d \([1-4] to [2-4]\)")
    for actor in ACTORS:
        heard, done = _told(run, actor), [_what(entry) for entry in run.log(actor) if entry["event"] == "stage_changed"]
        assert heard == done[: len(heard)]  # in order, and none doubled
        assert done[0][1:] == (1, 2, "mean survival 50 is above 40", 3)
    events = EventAccumulator(str(run.folder.tensorboard))
    events.Reload()
    curves = {name: [point.value for point in events.Scalars(f"curriculum/{name}")] for name in STAGES}
    assert 2 <= curves["stage_min"][-1] <= curves["stage_mean"][-1] <= curves["stage_max"][-1] <= 4
    assert curves["advances"] == sorted(curves["advances"])
    assert curves["advances"][-1] >= 16


def _told(run, actor):
    """The changes of an actor's lanes in the learner's log."""
    entries = [entry for entry in run.log("learner") if entry["event"] == "stage_changed"]
    return [_what(entry) for entry in entries if entry["actor"] == actor]


def _what(entry):
    return entry["lane"], entry["from_stage"], entry["to_stage"], entry["reason"], entry["figures"]["episodes"]
