"""What agents do is counted: whole uses of affordances, and work before paid care."""

import pytest
import torch
from hamlet_levels import CONFIGS, INTERACT, RIGHT, WAIT, lane_at, level, new_world, same_for_all

from townlet.config_file import load_config
from townlet.evaluation import Reflex, play
from townlet.worlds.build import build_world, diary
from townlet.worlds.hamlet.baselines import scripted
from townlet.worlds.hamlet.habits import Habits

FREE = ("multiplier=0.0", "modulations=[]", "cascades.groups=[]", "actions.wait.energy=0.0")


def act(world, habits, *actions, counted=None):
    everyone = torch.ones(world.lanes, dtype=torch.bool)
    for action in actions:
        world.step(same_for_all(world, action))
        habits.note(everyone if counted is None else counted)


def test_a_use_counts_once_when_its_last_tick_is_done():
    world = new_world(level("L3_temporal", *FREE))
    habits = Habits(world)
    lane = lane_at(world, 1, 1)
    only = torch.arange(world.lanes) == lane
    act(world, habits, *[INTERACT] * 4, counted=only)
    assert habits.figures()["uses/Bed"] == 0
    act(world, habits, *[INTERACT] * 6, counted=only)
    assert habits.figures()["uses/Bed"] == pytest.approx(2 / world.lanes)
    assert sum(count for name, count in habits.figures().items() if name.startswith("uses/")) == pytest.approx(
        2 / world.lanes
    )


def test_work_before_paid_care_is_that_of_the_same_lane():
    world = new_world(level("L1_full", *FREE, "affordances.LuxuryBed.at=[7,6]", "affordances.Labor.at=[2,1]"))
    habits = Habits(world)
    at_job, at_bed = lane_at(world, 6, 6), lane_at(world, 7, 6)
    two = (torch.arange(world.lanes) == at_job) | (torch.arange(world.lanes) == at_bed)
    # Both interact, go right and interact again: one works and then pays, the other one pays twice.
    act(world, habits, INTERACT, RIGHT, INTERACT, counted=two)
    figures = habits.figures()
    assert figures["uses/Job"] == pytest.approx(1 / world.lanes)
    assert figures["uses/LuxuryBed"] == pytest.approx(3 / world.lanes)
    assert figures["work_per_paid_care"] == pytest.approx(1 / 3)
    assert figures["paid_care_after_work"] == pytest.approx(1 / 3)


def test_who_does_nothing_has_no_habits():
    world = new_world(level("L1_full"))
    habits = Habits(world)
    act(world, habits, WAIT, WAIT)
    assert set(habits.figures().values()) == {0.0}


def test_one_episode_in_each_lane_counts():
    """One who follows the rules works before the money is gone, and no lane counts after its episode has ended."""
    config = load_config(CONFIGS / "L1_full.yaml")
    world = build_world(config, lanes=30, seed=1)
    found = play(world, Reflex(scripted(world)), diary(world)).habits
    short = build_world(load_config(CONFIGS / "L1_full.yaml", ["world.step_cap=250"]), lanes=30, seed=1)
    half = play(short, Reflex(scripted(short)), diary(short)).habits
    assert found["uses/Job"] > 1
    assert found["paid_care_after_work"] > 0.5
    assert 0 < half["uses/Bed"] < found["uses/Bed"]


def test_a_world_without_more_to_tell_has_no_diary():
    assert diary(build_world(load_config(CONFIGS / "recall.yaml"), lanes=1, seed=1)) is None
