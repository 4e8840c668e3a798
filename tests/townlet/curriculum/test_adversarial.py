"""When a lane of the adversarial curriculum goes up, and when down."""

import pytest
from lives import ended

from townlet.curriculum.build import build_curriculum
from townlet.curriculum.settings import AdversarialSettings


def school(lanes=1, **settings):
    return build_curriculum(AdversarialSettings(**settings), lanes)


def feed(curriculum, *episodes, lane=0, entropy=0.0):
    """Episodes of so many steps of 500 each; the last one's changes."""
    changes = []
    for steps in episodes:
        changes = curriculum.feed(ended([lane], steps, entropy=entropy))
    return changes


def at_stage(stage, **settings):
    """One lane that has been led up to a stage, from 0."""
    curriculum = school(**settings)
    for _ in range(stage):
        feed(curriculum, *[500] * 10)
    assert curriculum.stage.tolist() == [stage]
    return curriculum


def test_a_lane_advances_after_ten_good_episodes_and_not_before():
    curriculum = school()
    assert feed(curriculum, *[400] * 9) == []
    assert curriculum.stage.tolist() == [0]
    (change,) = feed(curriculum, 400)
    assert curriculum.stage.tolist() == [1]
    assert (change.lane, change.from_stage, change.to_stage) == (0, 0, 1)
    assert change.reason == "survival rate 0.8 is above 0.7, policy entropy 0 is below 0.5"
    expected = {"episodes": 10, "survival_rate": 0.8, "progress": 0.8, "mean_survival": 400, "mean_return": 0}
    assert change.figures == pytest.approx(expected | {"entropy": 0})


@pytest.mark.parametrize(("steps", "advances"), [(350, False), (351, True)])
def test_the_survival_rate_must_be_above_its_bound(steps, advances):
    assert bool(feed(school(), *[steps] * 10)) == advances


@pytest.mark.parametrize(("entropy", "advances"), [(0.5, False), (0.499, True)])
def test_the_entropy_must_be_below_its_bound(entropy, advances):
    assert bool(feed(school(), *[500] * 10, entropy=entropy)) == advances


@pytest.mark.parametrize(("steps", "retreats"), [(150, False), (149, True)])
def test_a_lane_retreats_below_its_bound_whatever_its_entropy(steps, retreats):
    curriculum = at_stage(2)
    changes = feed(curriculum, *[steps] * 10, entropy=1.0)
    assert curriculum.stage.tolist() == [1 if retreats else 2]
    assert [change.reason for change in changes] == (["survival rate 0.298 is below 0.3"] if retreats else [])


def test_one_bad_life_after_an_advance_is_no_retreat():
    assert feed(at_stage(1), *[1] * 9) == []


def test_death_and_the_cap_count_alike():
    """Nine caps and a death at 499 are as good as any ten episodes with that mean."""
    (change,) = feed(school(), *[500] * 9, 400)
    assert change.figures["survival_rate"] == pytest.approx(0.98)


def test_figures_are_means_over_the_last_episodes_at_the_stage():
    curriculum = school()
    feed(curriculum, *[200] * 30)
    assert feed(curriculum, *[500] * 5) == []  # the mean of five of each is 350
    (change,) = feed(curriculum, 500)
    assert change.figures["survival_rate"] == pytest.approx((6 * 500 + 4 * 200) / 5000)
    assert change.figures["episodes"] == 36


def test_progress_is_the_rate_less_that_at_the_last_change():
    curriculum = school()
    feed(curriculum, *[400] * 10)
    (change,) = feed(curriculum, *[450] * 10)
    assert change.figures["progress"] == pytest.approx(0.9 - 0.8)
    (change,) = feed(curriculum, *[50] * 10)
    assert change.figures["progress"] == pytest.approx(0.1 - 0.9)


def test_there_is_nothing_below_the_first_stage_and_nothing_above_the_last():
    curriculum = school()
    assert feed(curriculum, *[1] * 40) == []
    assert curriculum.stage.tolist() == [0]
    top = at_stage(4)
    assert feed(top, *[500] * 40) == []
    assert top.stage.tolist() == [4]


def test_every_bound_is_the_configurations():
    settings = {"window_episodes": 4, "min_episodes_at_stage": 2, "advance_survival": 0.1, "retreat_survival": 0.05}
    curriculum = school(**settings, advance_entropy=0.9)
    assert len(feed(curriculum, 60, 60, entropy=0.8)) == 1
    assert len(feed(curriculum, 60, 60, entropy=0.8)) == 1
    assert len(feed(curriculum, 20, 20, entropy=0.8)) == 1
    assert curriculum.stage.tolist() == [1]


def test_lanes_whose_episodes_end_in_one_step_are_judged_each_for_itself():
    curriculum = school(lanes=3)
    for _ in range(9):
        curriculum.feed(ended([0, 2], 500))
    changes = curriculum.feed(ended([0, 1, 2], 500))
    assert [change.lane for change in changes] == [0, 2]
    assert curriculum.stage.tolist() == [1, 0, 1]
