"""A race reads all clocks alike, and who gives up is never said to have arrived."""

import json

import pytest

from bench.race import OURS, Finish, comparison, confirmed_at, finish_of, middle, table, times_faster
from townlet.evaluation_settings import GoalSettings

EPOCH = "2026-01-01T00:00:{:06.3f}Z"
EPOCH_S = 1767225600.0
FOUND = {"reached": True, "started_at": 104.0, "ended_at": 130.0, "evaluation_s": 4.0, "environment_steps": 20_481}


def evaluated(at_s: float, mean_return: float) -> dict[str, object]:
    return {"updates": int(at_s), "value": 1.0, "mean_return": mean_return, "timestamp": EPOCH.format(at_s)}


def finish(seconds: float, reached: bool = True) -> Finish:
    return Finish(seconds, reached, 100, 2.0)


def test_the_first_evaluation_that_reaches_the_goal_counts_or_the_one_that_confirms_it():
    events = [evaluated(8, 474.9), evaluated(9.5, 475.0), evaluated(11, 500.0)]
    at_once = GoalSettings(mean_return=475, hold=475, confirmations=0)
    assert confirmed_at(at_once, events) == pytest.approx(EPOCH_S + 9.5)
    assert confirmed_at(at_once, events[:1]) is None
    assert confirmed_at(GoalSettings(mean_return=475, hold=475, confirmations=1), events) == pytest.approx(EPOCH_S + 11)


def test_a_process_is_timed_from_its_first_step():
    found = finish_of(f"a warning\n{json.dumps(FOUND)}\n", 100.0)
    assert found == Finish(26.0, True, 20_481, start_s=4.0, evaluation_s=4.0)
    assert found.without_evaluations().seconds == 22.0


def test_who_gave_up_comes_after_all_who_arrived():
    early, late, gave_up = finish(30.0), finish(40.0), finish(20.0, reached=False)
    assert middle([gave_up, late, early]) == late
    assert middle([late, early]) == finish(35.0)
    assert not middle([early, gave_up, gave_up]).reached
    assert str(gave_up) == "> 20.0"


@pytest.mark.parametrize(
    ("mine_reached", "other_reached", "shown"),
    [(True, True, "4.00"), (True, False, "> 4.00"), (False, True, "< 4.00"), (False, False, "-")],
)
def test_a_ratio_is_a_bound_where_one_gave_up(mine_reached, other_reached, shown):
    assert times_faster(finish(10.0, mine_reached), finish(40.0, other_reached)) == shown


def test_the_table_and_the_file_say_who_gave_up():
    finishes = {OURS: [finish(10.0), finish(20.0)], "peer": [finish(30.0), finish(30.0, reached=False)]}
    assert table("a race", finishes).row_count == 6
    found = comparison("a race", finishes)
    assert found.figures["Townlet"] == [10.0, 20.0]
    assert found.figures["peer, gave up in 1 of 2"] == [30.0, 30.0]
    assert found.figures["peer, start"] == [2.0, 2.0]
    assert found.ratios == {"peer's seconds / Townlet's": [3.0, 1.5]}
