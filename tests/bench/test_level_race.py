"""The whole system and the plain loop race to a goal that anybody reaches."""

from bench.level_race import PLAIN, measure
from bench.race import OURS
from bench.report import read
from bench.rounds import Options

EASY = (
    *("actor.lanes=4", "world.step_cap=30", "replay.capacity=2000", "replay.min_size_to_sample=100"),
    *("learner.batch_size=16", "learner.batches_per_request=1", "learner.publish_period_updates=5"),
    *("evaluation.episodes=3", "evaluation.period_updates=5", "learner.max_updates=5000"),
    "evaluation.goal={mean_survival: 1, hold: 1, confirmations: 1}",
)


def test_both_are_timed_from_their_first_step_to_the_same_goal(tmp_path):
    chosen = Options()
    chosen.rounds, chosen.json = 1, tmp_path / "found.json"
    measure(chosen, *EASY)
    (found,) = read(chosen.json)
    racers = [OURS, PLAIN, f"{PLAIN} but for its evaluations"]
    assert list(found.figures) == [name for racer in racers for name in (racer, f"{racer}, start")]
    assert all(seconds > 0 for (seconds,) in found.figures.values())
    assert len(found.ratios) == 2
