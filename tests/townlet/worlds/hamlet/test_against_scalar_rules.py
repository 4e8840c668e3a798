"""The vectorized world against the plain-Python one, step by step, over long rollouts of every kind of level."""

import pytest
import torch
from hamlet_levels import LEVELS, busy, flat, level
from scalar_hamlet import ScalarHamlet

from townlet.worlds.hamlet.world import HamletWorld

LANES = 3
STEPS = 240
TOLERANCE = 2e-6
REWARDS = ("alive", "wellbeing", "survival_baseline", "sparse", "shaped")

# Rules under which it shows whether a clamp follows each of them, and that a cascade sees what the one before left.
STEEP_MODULATION = "modulations=[{source: fitness, target: satiation, rate: 0.5, base: 0.5, slope: 0.1}]"
STEEP_CASCADES = """cascades.groups=[
  {source_tier: secondary, target_tier: primary, cascades: [
    {source: hygiene, target: satiation, strength: 0.6}, {source: social, target: mood, strength: 0.1}]},
  {source_tier: primary, target_tier: primary, cascades: [
    {source: satiation, target: mood, strength: 0.05}, {source: mood, target: fitness, strength: 0.02}]},
  {source_tier: primary, target_tier: pivotal, cascades: [
    {source: satiation, target: energy, strength: 0.01}, {source: fitness, target: energy, strength: 0.01}]}]"""
# A meter falls far below 0, is looked at there, and is back at 0 when the next group looks.
DEEP_CASCADES = """cascades.groups=[
  {source_tier: primary, target_tier: primary, cascades: [
    {source: fitness, target: satiation, strength: 0.9}, {source: satiation, target: mood, strength: 0.05}]},
  {source_tier: primary, target_tier: pivotal, cascades: [
    {source: satiation, target: energy, strength: 0.01}]}]"""

VARIANTS = [
    *((name, f"reward={reward}") for name in ("L1_full", "L3_temporal", "three_meter") for reward in REWARDS),
    *((name,) for name in LEVELS),
    *((name, "observation=typed", "layout=random") for name in LEVELS),
    *((name, "observation=typed", "view=full", "temporal=true") for name in LEVELS),
    *((name, "observation=classic", "view=local", "temporal=true", "vision_radius=3") for name in LEVELS),
    ("L1_full", "payment.mask_unaffordable=true"),
    ("L3_temporal", "payment.mask_unaffordable=true", "meters.money.initial=0.1"),
    ("L1_full", "actions.wait_enabled=false", "actions.interact.energy=0.01"),
    ("L3_temporal", "actions.interact={energy: 0.02, mood: 0.01}", "ticks_per_day=30", "enabled=[Bed, Job, Park]"),
    ("L3_temporal", "reward=shaped", "actions.interact.energy=0.01", "meters.energy.initial=0.4"),
    ("L1_full", "multiplier=0.2", "step_cap=77"),
    ("L1_full", "multiplier=0.5", "meters.money.initial=0.1"),
    ("L3_temporal", "multiplier=1.7", "step_cap=40", "reward=survival_baseline"),
    ("L1_full", "meters.satiation.initial=0.3", "meters.social.initial=0.2", "meters.mood.initial=0.25"),
    ("L1_full", STEEP_MODULATION, "meters.fitness.initial=0.9"),
    ("L1_full", STEEP_CASCADES, "meters.hygiene.initial=0.25", "meters.social.initial=0.25"),
    ("L1_full", DEEP_CASCADES, "meters.fitness.initial=0.1", "meters.satiation.initial=0.3"),
    ("L2_partial", "grid=11", "vision_radius=1", "cascades.threshold=0.9"),
]


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


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: " ".join(" ".join(variant).split())[:100])
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
