"""What can be done where, and what comes of doing it all the same."""

import pytest
import torch
from hamlet_levels import DOWN, INTERACT, LEFT, RIGHT, UP, WAIT, lane_at, level, new_world, same_for_all

VALID = {
    (0, 0): [False, True, False, True, False, True],
    (7, 7): [True, False, True, False, False, True],
    (3, 0): [False, True, True, True, False, True],
    (4, 4): [True, True, True, True, False, True],
    (1, 1): [True, True, True, True, True, True],
    (0, 4): [True, True, False, True, True, True],
}


@pytest.mark.parametrize("position", VALID)
def test_moves_off_the_grid_and_interacting_with_nothing_are_masked(position):
    world = new_world(level("L1_full"))
    view = world.view()
    assert view.action_mask.dtype == torch.bool
    assert view.action_mask[lane_at(world, *position)].tolist() == VALID[position]


@pytest.mark.parametrize(
    ("action", "to"),
    [(UP, (4, 3)), (DOWN, (4, 5)), (LEFT, (3, 4)), (RIGHT, (5, 4)), (INTERACT, (4, 4)), (WAIT, (4, 4))],
)
def test_actions_lead_where_their_names_say(action, to):
    world = new_world(level("L1_full"))
    lane = lane_at(world, 4, 4)
    world.step(same_for_all(world, action))
    assert world.lane(lane).position == to


@pytest.mark.parametrize(("action", "position"), [(UP, (3, 0)), (DOWN, (3, 7)), (LEFT, (0, 3)), (RIGHT, (7, 4))])
def test_a_move_off_the_grid_stays_and_pays_for_the_move(action, position):
    world = new_world(level("L1_full"))
    inside, edge = lane_at(world, 3, 3), lane_at(world, *position)
    world.step(same_for_all(world, action))
    assert world.lane(edge).position == position
    assert world.lane(edge).meters == world.lane(inside).meters


def test_interacting_with_nothing_spends_the_tick():
    world = new_world(level("L1_full"))
    lane = lane_at(world, 4, 4)
    world.step(same_for_all(world, INTERACT))
    state = world.lane(lane)
    assert (state.position, state.steps, state.hour) == ((4, 4), 1, 1)
    assert state.meters["energy"] == pytest.approx(0.995, abs=1e-6)


@pytest.mark.parametrize("name", ["L1_full", "L3_temporal"])
def test_who_is_broke_may_try_unless_the_level_masks_it(name):
    for masked in (False, True):
        rules = level(name, "meters.money.initial=0.0", f"payment.mask_unaffordable={str(masked).lower()}")
        world = new_world(rules)
        mask = world.view().action_mask[:, INTERACT]
        assert mask[lane_at(world, 1, 1)] == (not masked)  # the Bed costs money
        assert mask[lane_at(world, 6, 6)] == (name == "L1_full")  # the Job does not, but opens at 8


def test_without_wait_there_are_five_actions():
    world = new_world(level("L1_full", "actions.wait_enabled=false"))
    assert world.spec.actions == world.view().action_mask.shape[1] == 5
    assert world.view().action_mask.any(1).all()
