"""The plain NumPy world that the benchmark races against plays the same game: step by step, beside the world."""

import numpy as np
import pytest
import torch
from hamlet_levels import LEVELS, busy, level

from bench.plain_hamlet import PlainHamlet
from townlet.worlds.hamlet.world import HamletWorld

LANES = 12
STEPS = 70
SHORT_LIVES = ("meters.energy.initial=0.3", "step_cap=50")
TOLERANCE = 2e-6

VARIANTS = [
    *((name,) for name in LEVELS),
    *((name, "observation=typed", "layout=random") for name in LEVELS),
    ("L3_temporal", "observation=typed"),
    ("L3_temporal", "observation=typed", "view=full"),
    ("L1_full", "payment.mask_unaffordable=true", "meters.money.initial=0.1", "multiplier=0.5"),
    ("L3_temporal", "actions.wait_enabled=false", "actions.interact.energy=0.01", "vision_radius=3"),
]


def follow_starts(plain: PlainHamlet, world: HamletWorld, lanes: torch.Tensor) -> None:
    """Begin where the world's lanes begin, which is the only thing that is random."""
    state, side = world.state, world.settings.grid
    cell, place = state.cell[lanes].numpy(), state.place[lanes].numpy()
    plain.position[lanes.numpy()] = np.stack((cell % side, cell // side), axis=1)
    plain.put_affordances(lanes.numpy(), np.stack((place % side, place // side), axis=2))


def assert_same_view(view, seen, mask):
    assert np.array_equal(view.action_mask.numpy(), mask)
    assert list(view.observation) == list(seen)
    for name, block in view.observation.items():
        assert (str(block.dtype), tuple(block.shape)) == (f"torch.{seen[name].dtype}", seen[name].shape)
        assert np.abs(block.float().numpy() - seen[name]).max(initial=0.0) <= TOLERANCE, name


@pytest.mark.parametrize("variant", VARIANTS, ids=" ".join)
def test_every_step_is_that_of_the_world(variant):
    rules = level(*variant, *SHORT_LIVES)
    world, plain = HamletWorld(rules, LANES, seed=3), PlainHamlet(rules, LANES, seed=3)
    generator, everyone, ends = torch.Generator().manual_seed(1), torch.arange(LANES), set()
    view = world.reset()
    plain.reset()
    follow_starts(plain, world, everyone)
    for _ in range(STEPS):
        assert_same_view(view, plain.look(everyone.numpy()), plain.mask(everyone.numpy()))
        # Each step from the world's rounding, so that only one step's errors are compared.
        plain.meters[:] = view.observation["meters"].numpy()
        action = busy(view, generator)
        step, mine = world.step(action), plain.step(action.numpy())
        assert np.array_equal(step.terminated.numpy(), mine.terminated)
        assert np.array_equal(step.truncated.numpy(), mine.truncated)
        assert np.array_equal(step.reward.numpy(), mine.reward)
        assert (step.finished.lanes.tolist() if step.finished else []) == mine.finished.tolist()
        if step.finished is not None:
            assert_same_view(step.finished.view, mine.final, mine.final_mask)
            follow_starts(plain, world, step.finished.lanes)
            ends |= set(step.terminated[step.finished.lanes].tolist())
        view = step.view
    assert ends == {True, False}
