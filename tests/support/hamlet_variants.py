"""Levels of every kind, to hold one form of the rules against another."""

from hamlet_levels import LEVELS

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
"""Each the name of a shipped level, and what is overridden in it."""


def called(variant: tuple[str, ...]) -> str:
    """The ID of a test of that variant."""
    return " ".join(" ".join(variant).split())[:100]
