"""The symbol is shown once, asked for `delay` steps later, and nobody who forgets it does better than chance."""

import pytest
import torch

from townlet.errors import CheckpointError, InvalidRequestError
from townlet.worlds.recall.rules import RecallSettings
from townlet.worlds.recall.world import RecallWorld

SETTINGS = RecallSettings(kind="recall", symbols=4, delay=3)


def live(world, view, steps, actions=None):
    """(shown, asked, reward, ended) of each step."""
    told = []
    for at in range(steps):
        step = world.step(torch.zeros(world.lanes, dtype=torch.int64) if actions is None else actions[at])
        shown, asked = view.observation["shown"], view.observation["asked"]
        told.append((shown, asked, step.reward, step.terminated))
        view = step.view
    return told


def test_a_symbol_is_shown_first_asked_for_last_and_paid_once():
    world = RecallWorld(SETTINGS, 64, seed=1)
    symbol = world.reset().observation["shown"].argmax(dim=1)
    told = live(world, world.view(), 4, actions=[symbol] * 4)
    assert [int(shown.sum()) for shown, *_ in told] == [64, 0, 0, 0]
    assert [int(asked.sum()) for _, asked, *_ in told] == [0, 0, 0, 64]
    assert [float(reward.mean()) for *_, reward, _ in told] == [0.0, 0.0, 0.0, 1.0]
    assert [bool(ended.all()) for *_, ended in told] == [False, False, False, True]
    assert sorted(set(symbol.tolist())) == [0, 1, 2, 3]


def test_what_the_last_step_shows_says_nothing_about_the_symbol():
    world = RecallWorld(SETTINGS, 4000, seed=1)
    *_, last = live(world, world.reset(), 4)
    assert last[0].sum() == 0
    assert 0.22 < last[2].mean().item() < 0.28  # always naming symbol 0: chance


def test_a_lane_depends_on_its_number_and_not_on_the_others():
    all_lanes, last_two = RecallWorld(SETTINGS, 6, seed=9), RecallWorld(SETTINGS, 2, seed=9, first_lane=4)
    whole, part = live(all_lanes, all_lanes.reset(), 20), live(last_two, last_two.reset(), 20)
    for (shown, *_), (shown_part, *_) in zip(whole, part, strict=True):
        assert torch.equal(shown[4:], shown_part)


def test_a_saved_world_goes_on_as_if_it_had_never_stopped():
    world, other = RecallWorld(SETTINGS, 5, seed=3), RecallWorld(SETTINGS, 5, seed=4)
    live(world, world.reset(), 6)
    other.reset()
    other.load_state_dict(world.state_dict())
    for mine, its in zip(live(world, world.view(), 9), live(other, other.view(), 9), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(mine, its, strict=True))
    with pytest.raises(CheckpointError, match="saved world: symbol"):
        other.load_state_dict({**world.state_dict(), "symbol": torch.zeros(4, dtype=torch.int64)})


def test_an_unknown_action_is_refused():
    world = RecallWorld(SETTINGS, 2, seed=1)
    world.reset()
    with pytest.raises(InvalidRequestError, match="expected IDs from 0 to 3"):
        world.step(torch.tensor([0, 4]))
