"""The staged curriculum: one stage after the other, until a lane has graduated."""

import pytest
from lives import ended

from townlet.curriculum.build import build_curriculum
from townlet.curriculum.settings import PassSettings, StagedSettings, StagedStageSettings


def feed(curriculum, times, steps, cap, episode_return=0.0):
    """Episodes of lane 0; all the changes that they brought."""
    return [change for _ in range(times) for change in curriculum.feed(ended([0], steps, cap, episode_return))]


def test_a_lane_passes_the_three_stages_and_graduates():
    curriculum = build_curriculum(StagedSettings(), lanes=1)
    assert curriculum.count == 4
    assert feed(curriculum, 20, steps=40, cap=50, episode_return=40.0) == []  # not above 40
    (first,) = feed(curriculum, 1, steps=50, cap=50, episode_return=50.0)
    assert first.reason == "mean survival 41 is above 40"
    assert feed(curriculum, 10, steps=90, cap=100, episode_return=-11.0) == []
    (second,) = feed(curriculum, 10, steps=100, cap=100, episode_return=100.0)[:1]
    assert second.reason == "mean return 0.1 is above 0"
    curriculum = build_curriculum(StagedSettings(), lanes=1)
    feed(curriculum, 10, steps=50, cap=50)
    feed(curriculum, 10, steps=100, cap=100, episode_return=1.0)
    assert feed(curriculum, 9, steps=201, cap=500) == []  # not a whole window yet
    (third,) = feed(curriculum, 1, steps=201, cap=500)
    assert third.reason == "mean survival 201 is above 200: graduated"
    assert curriculum.stage.tolist() == [3]
    assert feed(curriculum, 50, steps=500, cap=500, episode_return=500.0) == []


def test_a_stage_that_is_passed_is_never_gone_back_to():
    curriculum = build_curriculum(StagedSettings(), lanes=1)
    feed(curriculum, 10, steps=50, cap=50)
    assert feed(curriculum, 100, steps=1, cap=100, episode_return=-100.0) == []
    assert curriculum.stage.tolist() == [1]


def test_stages_and_bars_are_the_configurations():
    stage = StagedStageSettings(step_cap=10, passes=PassSettings(figure="mean_return", above=7.5))
    curriculum = build_curriculum(StagedSettings(stages=(stage,), window_episodes=2), lanes=1)
    assert curriculum.count == 2
    assert feed(curriculum, 2, steps=10, cap=10, episode_return=7.5) == []
    (change,) = feed(curriculum, 1, steps=10, cap=10, episode_return=7.6)
    assert change.figures["mean_return"] == pytest.approx(7.55)
    assert change.reason == "mean return 7.55 is above 7.5: graduated"
