"""The intrinsic weight shrinks when the agent lives long, and evenly so; and only then."""

import pytest

from learner.intrinsic_weight import IntrinsicWeight
from townlet.curiosity import AdaptiveWeightSettings, ConstantWeightSettings

SETTINGS = AdaptiveWeightSettings(
    start=2.0, minimum=0.5, factor=0.9, window_episodes=4, variance_below=100.0, mean_above=0.4
)


def after(episodes: list[int], settings=SETTINGS) -> IntrinsicWeight:
    weight = IntrinsicWeight(settings, step_cap=100)
    for steps in episodes:
        weight.add(steps)
    return weight


def test_it_stays_until_the_window_is_full():
    assert after([]).value == 2.0
    assert after([90] * 3).value == 2.0


def test_then_it_shrinks_once_with_each_finished_episode():
    assert after([90] * 4).value == pytest.approx(2.0 * 0.9)
    assert after([90] * 7).value == pytest.approx(2.0 * 0.9**4)


def test_it_never_falls_below_its_minimum():
    assert after([90] * 100).value == 0.5


@pytest.mark.parametrize(("episodes", "shrinks"), [([41] * 4, True), ([40] * 4, False), ([10] * 4, False)])
def test_the_mean_must_be_above_its_share_of_the_cap(episodes, shrinks):
    assert (after(episodes).value < 2.0) == shrinks


@pytest.mark.parametrize(("spread", "shrinks"), [(9, True), (10, False), (30, False)])
def test_the_variance_must_be_below_its_threshold(spread, shrinks):
    assert (after([60 - spread, 60 + spread] * 2).value < 2.0) == shrinks


def test_only_the_last_episodes_count():
    assert after([1, 99, 1, 1, 80, 80, 80, 80]).value == pytest.approx(2.0 * 0.9)


def test_a_constant_weight_stays():
    assert after([90] * 10, ConstantWeightSettings(value=0.3)).value == 0.3


def test_window_and_weight_survive_a_restart():
    first = after([90] * 6)
    second = IntrinsicWeight(SETTINGS, step_cap=100)
    second.load_state(first.state())
    for steps in (90, 20, 90, 90, 90, 90, 90):
        first.add(steps)
        second.add(steps)
        assert first.value == second.value
    assert first.state() == second.state()


def test_another_rule_is_gone_by_from_then_on_and_the_weight_itself_stays():
    weight = after([90] * 7)
    value = weight.value
    weight.steer(SETTINGS.model_copy(update={"factor": 0.5}))
    assert weight.value == value
    weight.add(90)
    assert weight.value == pytest.approx(0.5 * value)
    weight.steer(SETTINGS.model_copy(update={"minimum": 1.5}))
    assert weight.value == 1.5
    weight.steer(SETTINGS.model_copy(update={"start": 3.0}))
    assert weight.value == 1.5
    weight.begin_anew()
    assert weight.value == 3.0
    constant = IntrinsicWeight(ConstantWeightSettings(value=1.0), step_cap=100)
    constant.steer(ConstantWeightSettings(value=0.25))
    constant.begin_anew()
    assert constant.value == 0.25
