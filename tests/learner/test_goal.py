"""Reached, held, lost."""

from hypothesis import given
from hypothesis import strategies as st

from learner.goal import EvaluationPoint, Evaluations
from townlet.evaluation_settings import GoalSettings

GOAL = GoalSettings(mean_survival=490.0, hold=480.0, confirmations=2)


def points(*survivals):
    return [
        EvaluationPoint(1000 * n, 10.0 * n, survival, 1.0, -survival, 2.0)
        for n, survival in enumerate(survivals, start=1)
    ]


def judge(goal, evaluations):
    """What is said of the goal after these."""
    return Evaluations(goal, evaluations).goal_state


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


def test_without_a_goal_nothing_is_said():
    evaluations = Evaluations(None, points(495, 495, 495))
    assert evaluations.goal_state is None
    assert not evaluations.end_the_run


def test_the_run_ends_when_the_goal_says_so():
    assert Evaluations(GOAL, points(495, 481, 482)).end_the_run
    assert not Evaluations(GOAL, points(495, 481)).end_the_run
    assert not Evaluations(GOAL.model_copy(update={"stop": False}), points(495, 481, 482)).end_the_run


def test_an_evaluation_of_no_later_update_is_passed_over():
    evaluations = Evaluations(None, points(1, 2))
    for point in points(8, 9, 3):
        evaluations.add(point)
    assert [point.mean_survival for point in evaluations.points] == [1, 2, 3]


@given(st.lists(st.sampled_from([470, 485, 495]), max_size=12), st.integers(0, 12))
def test_old_evaluations_are_let_go_and_what_they_said_of_the_goal_is_kept(survivals, saved_after):
    """Whenever it is saved and taken up again."""
    whole = points(*survivals)
    evaluations = Evaluations(GOAL, whole[:saved_after], keep=3)
    evaluations = Evaluations.from_state(GOAL, evaluations.state(), keep=3)
    for point in whole[saved_after:]:
        evaluations.add(point)
    assert list(evaluations.points) == whole[-3:]
    assert evaluations.goal_state == judge(GOAL, whole)


def test_a_run_that_goes_on_with_less_to_keep_lets_the_oldest_go():
    whole = points(495, 481, 470, 495)
    evaluations = Evaluations.from_state(GOAL, Evaluations(GOAL, whole).state(), keep=2)
    assert list(evaluations.points) == whole[-2:]
    assert evaluations.goal_state == judge(GOAL, whole)


def test_another_goal_is_judged_by_the_evaluations_that_are_held():
    saved = Evaluations(GOAL, points(491, 490, 490)).state()
    assert Evaluations.from_state(GOAL, saved).goal_state.confirmed
    assert Evaluations.from_state(GOAL.model_copy(update={"mean_survival": 499.0}), saved).goal_state.reached_s is None


def test_a_version_that_was_made_before_anything_was_let_go_can_be_taken_up():
    saved = Evaluations(GOAL, points(495, 481, 482)).state()
    del saved["judged"]
    assert Evaluations.from_state(GOAL, saved).goal_state.confirmed
