"""Curiosity goes once round the ring: actor, replay, learner, and back with the policy."""

import pytest
from run_process import RunProcess
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from townlet.checkpoint.store import VersionStore

SMALL = (
    *("actor.lanes=16", "evaluation.enabled=false", "evaluation.goal=null", "replay.capacity=20000"),
    *("checkpoint.period_s=2", "curiosity.weight.window_episodes=5", "curiosity.weight.mean_above=0.01"),
    "curiosity.weight.variance_below=1e6",
)


@pytest.mark.timeout(180)
def test_a_curious_run_trains_shows_its_novelty_and_goes_on_after_a_death(short_folder):
    with RunProcess(short_folder, "L3_curious.yaml", *SMALL) as run:
        run.wait_for(
            "updates, and an actor that acts with what they taught",
            lambda: (
                (status := run.status())
                and status.updates > 100
                and status.HasField("curiosity")
                and 0 < status.curiosity.intrinsic_weight < 0.05
                and status.policy_version > status.policy_lag_max + 1
            ),
        )
        assert run.account().curiosity.novelty > 0
        store = VersionStore(run.folder.versions)
        run.wait_for(
            "a version of what was learned",
            lambda: (newest := store.newest()) and store.manifest(newest).counters["updates"] > 0,
        )
        tensors = store.open(store.newest(), "learner").state("learner")["tensors"]
        assert tensors.keys() >= {
            *("curiosity.predictor.0.weight", "curiosity.embedding.0.weight", "curiosity.optimiser.step")
        }
        assert tensors["curiosity.novelty.mean"].item() > 0  # what an actor stored has come back to the learner
        before = run.account()
        run.kill("learner")
        run.wait_for(
            "training after the death of the learner",
            lambda: (status := run.status()) and status.updates > before.updates + 50,
        )
        assert any(entry["event"] == "resumed" for entry in run.log("learner"))
        assert run.account().curiosity.intrinsic_weight < 0.05
        events = EventAccumulator(str(run.folder.tensorboard))
        events.Reload()
        assert {"curiosity/novelty", "curiosity/intrinsic_weight"} <= set(events.Tags()["scalars"])
