"""The vectorized world against the plain-Python one, step by step, over long rollouts of every kind of level."""

import pytest
import torch
from hamlet_levels import busy, flat, level
from hamlet_variants import VARIANTS, called
from scalar_hamlet import ScalarHamlet

from townlet.worlds.hamlet.world import HamletWorld

LANES = 3
STEPS = 240
TOLERANCE = 2e-6


class Twin:
    """The scalar agent beside one lane of a world."""

    def __init__(self, world, lane):
        self.world, self.lane = world, lane
        self.begin()

    def begin(self):
        state = self.world.lane(self.lane)
        self.agent = ScalarHamlet(self.world.settings, state.position, state.layout)
        assert state.steps == state.progress == state.hour == 0
        assert len(set(state.layout.values())) == len(state.layout)

    def follow(self, action, reward, terminated, truncated):
        """Take the same step. Where a lethal meter is within rounding of 0, death is the world's to say."""
        agent = self.agent
        expected, dead, capped = agent.step(action)
        lethal = [agent.meters[name] for name, meter in agent.level.meters.items() if meter.lethal]
        if min(lethal) > TOLERANCE:
            assert (terminated, truncated) == (dead, capped)
        if terminated == dead:
            assert reward == pytest.approx(expected, abs=1e-4)

    def take_meters(self, values):
        """Go on from the world's rounding, so that only one step's errors are compared."""
        self.agent.meters = dict(zip(self.agent.level.meter_names, values, strict=True))


@pytest.mark.parametrize("variant", VARIANTS, ids=called)
def test_every_step_is_that_of_the_scalar_rules(variant):
    world = HamletWorld(level(*variant), LANES, seed=len(" ".join(variant)))
    generator = torch.Generator().manual_seed(1)
    view = world.reset()
    twins = [Twin(world, lane) for lane in range(LANES)]
    ended = 0
    for _ in range(STEPS):
        assert view.action_mask.tolist() == [twin.agent.mask() for twin in twins]
        assert_same_observation(view, twins)
        for twin, values in zip(twins, view.observation["meters"].tolist(), strict=True):
            twin.take_meters(values)
        action = busy(view, generator)
        step = world.step(action)
        outcome = zip(action, step.reward, step.terminated, step.truncated, strict=True)
        for twin, values in zip(twins, outcome, strict=True):
            twin.follow(*(value.item() for value in values))
        ended += compare_ends(step, twins)
        view = step.view
    assert ended > 0


def assert_same_observation(view, twins):
    expected = torch.tensor([twin.agent.observation() for twin in twins])
    assert (flat(view) - expected).abs().max() <= TOLERANCE


def compare_ends(step, twins):
    """The finished lanes' last views are the twins'; they begin anew."""
    over = torch.nonzero(step.terminated | step.truncated).squeeze(1)
    if step.finished is None:
        assert len(over) == 0
        return 0
    assert torch.equal(step.finished.lanes, over)
    last = [twins[lane] for lane in over.tolist()]
    assert step.finished.steps.tolist() == [twin.agent.steps for twin in last]
    assert step.finished.view.action_mask.tolist() == [twin.agent.mask() for twin in last]
    assert_same_observation(step.finished.view, last)
    for twin in last:
        twin.begin()
    return len(last)
