"""The race reads both clocks alike, and who gives up is never said to have arrived."""

import json

import pytest

from bench.cartpole_race import Finish, first_reached_at, median, peer_finish, ratio

EPOCH = "2026-01-01T00:00:{:06.3f}Z"
EPOCH_S = 1767225600.0


def evaluated(at_s: float, mean_return: float) -> str:
    return json.dumps({"event": "evaluated", "mean_return": mean_return, "timestamp": EPOCH.format(at_s)})


def test_the_first_evaluation_that_reaches_the_goal_counts():
    lines = [
        "not JSON",
        json.dumps({"event": "joined", "timestamp": EPOCH.format(1)}),
        evaluated(8, 474.9),
        evaluated(9.5, 475.0),
        evaluated(11, 500.0),
    ]
    assert first_reached_at("\n".join(lines), 475.0) == pytest.approx(EPOCH_S + 9.5)
    assert first_reached_at("\n".join(lines[:3]), 475.0) is None


def test_the_peers_evaluations_take_no_time():
    found = {"reached": True, "ended_at": 130.0, "evaluation_s": 4.0, "environment_steps": 20_481, "mean_return": 500.0}
    assert peer_finish(f"a warning\n{json.dumps(found)}\n", 100.0) == Finish(26.0, True, 20_481)


def test_who_gave_up_comes_after_all_who_arrived():
    early, late, gave_up = Finish(30.0, True, 3), Finish(40.0, True, 5), Finish(20.0, False, 9)
    assert median([gave_up, late, early]) == late
    assert median([late, early]) == Finish(35.0, True, 4)
    assert not median([early, gave_up, gave_up]).reached
    assert str(gave_up) == "> 20.0"


@pytest.mark.parametrize(
    ("mine_reached", "other_reached", "shown"),
    [(True, True, "0.250"), (True, False, "< 0.250"), (False, True, "> 0.250"), (False, False, "-")],
)
def test_a_ratio_is_a_bound_where_one_gave_up(mine_reached, other_reached, shown):
    assert ratio(Finish(10.0, mine_reached, 1), Finish(40.0, other_reached, 1)) == shown
