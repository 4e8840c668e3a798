"""Where affordances stand, and when that changes."""

import pytest
import torch
from hamlet_levels import LEVELS, WAIT, level, new_world, same_for_all

from townlet.worlds.hamlet.world import HamletWorld


def layouts(world):
    return [world.lane(lane).layout for lane in range(world.lanes)]


def finish_episodes(world):
    """Wait until the cap."""
    for _ in range(world.spec.step_cap):
        world.step(same_for_all(world, WAIT))


@pytest.mark.parametrize("name", LEVELS)
def test_a_fixed_layout_is_the_levels_in_every_lane_and_episode(name):
    rules = level(name, "step_cap=3")
    world = new_world(rules, lanes=5)
    expected = {affordance: rules.affordances[affordance].at for affordance in rules.affordance_names}
    for _ in range(3):
        assert layouts(world) == [expected] * 5
        finish_episodes(world)


@pytest.mark.parametrize("name", LEVELS)
def test_random_layouts_overlap_nowhere_and_are_new_in_each_lane_and_episode(name):
    rules = level(name, "step_cap=3", "layout=random")
    world = new_world(rules, lanes=30)
    seen = []
    for _ in range(4):
        now = layouts(world)
        seen += [tuple(layout.values()) for layout in now]
        finish_episodes(world)
        assert all(one != other for one, other in zip(now, layouts(world), strict=True)) or name == "L0_minimal"
    for places in seen:
        assert len(set(places)) == len(rules.affordance_names)
        assert all(0 <= x < rules.grid and 0 <= y < rules.grid for x, y in places)
    assert len(set(seen)) > 0.9 * len(seen) or name == "L0_minimal"


def test_a_random_layout_lasts_as_long_as_its_episode():
    """Pitfall 12: a second reset put the old layout back."""
    world = new_world(level("L1_full", "step_cap=20", "layout=random"), lanes=10)
    first = layouts(world)
    for _ in range(19):
        world.step(same_for_all(world, WAIT))
        assert layouts(world) == first


def test_every_cell_is_as_likely_as_another_for_every_affordance():
    world = HamletWorld(
        level("L1_full", "layout=random", "observation=typed", "enabled=[Bed, Job, Park]"), 6400, seed=1
    )
    places = (world.reset().observation["affordances"][:, :, :2] * 7).round().long()
    for cells in (places[:, :, 1] * 8 + places[:, :, 0]).t():
        deviation = (torch.bincount(cells, minlength=64) - 100.0) / (100.0 * 63 / 64) ** 0.5
        assert deviation.abs().max() < 4.5


def test_a_grid_can_be_full_of_affordances():
    places = ["affordances.Bed.at=[0, 0]", "affordances.Job.at=[1, 0]", "affordances.Bar.at=[0, 1]"]
    rules = level(
        "L1_full", "grid=2", "layout=random", "enabled=[Bed, Job, Bar, Park]", "affordances.Park.at=[1,1]", *places
    )
    world = HamletWorld(rules, lanes=50, seed=1)
    assert (world.reset().observation["underfoot"][:, -1] == 0).all()
    assert all(set(layout.values()) == {(0, 0), (0, 1), (1, 0), (1, 1)} for layout in layouts(world))


def test_layouts_become_random_for_episodes_that_begin_after_so_many_of_the_whole_run():
    rules = level("L1_full", "step_cap=3", "layout=random_after", "random_layout_after=100")
    fixed = {name: rules.affordances[name].at for name in rules.affordance_names}
    world = new_world(rules, lanes=5)
    world.set_run_episodes(99)
    finish_episodes(world)
    assert layouts(world) == [fixed] * 5
    world.set_run_episodes(100)
    assert layouts(world) == [fixed] * 5
    finish_episodes(world)
    assert all(layout != fixed for layout in layouts(world))


def test_a_world_that_starts_late_in_a_run_starts_with_random_layouts():
    rules = level("L1_full", "layout=random_after", "random_layout_after=100")
    world = HamletWorld(rules, lanes=5, seed=1)
    world.set_run_episodes(100)
    world.reset()
    assert len({tuple(layout.values()) for layout in layouts(world)}) == 5
