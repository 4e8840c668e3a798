"""Policies that nobody trained: what they choose, and how long they live."""

import pytest
import torch
from hamlet_levels import LEVELS, WAIT, level, new_world

from townlet.errors import InvalidRequestError
from townlet.evaluation import Reflex, play
from townlet.worlds.hamlet.baselines import scripted, uniform_random, wait_forever
from townlet.worlds.hamlet.world import HamletWorld

LANES = 150


@pytest.mark.parametrize("name", LEVELS)
def test_random_actions_are_all_the_valid_ones_alike(name):
    world = new_world(level(name), lanes=6)
    view = world.view()
    actions = uniform_random(torch.Generator().manual_seed(1))
    rounds = 3000
    counts = torch.zeros(view.action_mask.shape)
    for _ in range(rounds):
        counts[torch.arange(6), actions(view)] += 1
    assert (counts[~view.action_mask] == 0).all()
    expected = (rounds / view.action_mask.sum(1, keepdim=True)).expand_as(counts)
    assert ((counts - expected)[view.action_mask].abs() < 5 * expected[view.action_mask] ** 0.5).all()


def test_waiting_lives_as_long_as_the_rules_allow():
    world = HamletWorld(level("L1_full"), lanes=3, seed=1)
    assert wait_forever(world)(world.reset()).tolist() == [WAIT] * 3
    assert list(play(world, Reflex(wait_forever(world))).steps) == [164] * 3


def test_waiting_is_refused_where_the_level_has_no_such_action():
    with pytest.raises(InvalidRequestError, match="wait_enabled"):
        wait_forever(HamletWorld(level("L1_full", "actions.wait_enabled=false"), lanes=3, seed=1))


@pytest.mark.parametrize(
    "variant",
    [
        *(("L1_full", f"multiplier={multiplier}") for multiplier in (0.2, 0.5, 0.8, 1.0)),
        *((name,) for name in LEVELS),
        ("L1_full", "layout=random"),
    ],
    ids=" ".join,
)
def test_tending_to_the_most_urgent_need_survives_to_the_cap(variant):
    world = HamletWorld(level(*variant), LANES, seed=1)
    assert min(play(world, Reflex(scripted(world))).steps) == world.spec.step_cap


@pytest.mark.parametrize(("name", "best"), [("L0_minimal", 353), ("L0_5_dual", 437)])
def test_without_a_cap_the_small_levels_end_near_the_best_that_was_found(name, best):
    world = HamletWorld(level(name, "step_cap=1000"), LANES, seed=1)
    survival = play(world, Reflex(scripted(world)))
    assert 0.94 * best <= survival.mean.value <= best + 3


def test_the_scripted_rule_takes_valid_actions_only_and_needs_no_wait():
    world = new_world(level("L3_temporal", "actions.wait_enabled=false"), lanes=100)
    actions = scripted(world)
    view = world.view()
    for _ in range(200):
        action = actions(view)
        assert view.action_mask.gather(1, action[:, None]).all()
        view = world.step(action).view
