"""Reached, held, lost."""

from learner.goal import EvaluationPoint, judge
from townlet.evaluation_settings import GoalSettings

GOAL = GoalSettings(mean_survival=490.0, hold=480.0, confirmations=2)


def points(*survivals):
    return [
        EvaluationPoint(1000 * n, 10.0 * n, survival, 1.0, -survival, 2.0)
        for n, survival in enumerate(survivals, start=1)
    ]


RETURN_GOAL = GoalSettings(mean_return=-5.0, hold=-8.0, confirmations=1)


def test_without_evaluations_nothing_is_reached():
    assert judge(GOAL, []).reached_s is None


def test_the_goal_is_reached_by_the_first_evaluation_that_is_good_enough():
    state = judge(GOAL, points(300, 495))
    assert (state.reached_s, state.confirmations, state.confirmed) == (20.0, 0, False)


def test_the_next_evaluations_confirm_it_when_they_hold():
    state = judge(GOAL, points(300, 495, 481, 500))
    assert (state.reached_s, state.confirmations, state.confirmed, state.lost) == (20.0, 2, True, False)


def test_an_evaluation_that_does_not_hold_loses_it_and_it_can_be_reached_again():
    assert judge(GOAL, points(495, 470)).lost
    state = judge(GOAL, points(495, 470, 492, 490, 485))
    assert (state.reached_s, state.confirmed, state.lost) == (30.0, True, True)


def test_what_is_confirmed_stays_confirmed():
    assert judge(GOAL, points(495, 481, 482, 100)).confirmed


def test_a_goal_on_the_return_asks_for_the_return_alone():
    assert judge(RETURN_GOAL, points(500, 400)).reached_s is None
    state = judge(RETURN_GOAL, points(9, 4, 7))
    assert (state.reached_s, state.confirmed) == (20.0, True)
    assert judge(RETURN_GOAL, points(4, 9)).lost
