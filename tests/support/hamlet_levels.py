"""The shipped levels for tests, and what tests do with worlds."""

from functools import cache
from pathlib import Path

import torch

from townlet.config_file import load_config
from townlet.worlds.hamlet.rules import HamletSettings
from townlet.worlds.hamlet.world import HamletWorld
from townlet.worlds.interface import View

CONFIGS = Path(__file__).parents[2] / "configs"
LEVELS = ("L0_minimal", "L0_5_dual", "L1_full", "L2_partial", "L3_temporal", "three_meter")
UP, DOWN, LEFT, RIGHT, INTERACT, WAIT = range(6)


@cache
def level(name: str, *overrides: str) -> HamletSettings:
    """The world of a shipped level, with overrides below `world`, such as "step_cap=20"."""
    return load_config(CONFIGS / f"{name}.yaml", [f"world.{override}" for override in overrides]).world


def flat(view: View) -> torch.Tensor:
    """float32 [L, size]: the observation's blocks one after the other."""
    return torch.cat([block.flatten(1).float() for block in view.observation.values()], dim=1)


def same_for_all(world: HamletWorld, action: int) -> torch.Tensor:
    """int64 [L] of one action."""
    return torch.full((world.lanes,), action)


def lane_at(world: HamletWorld, x: int, y: int) -> int:
    """A lane whose agent stands at (x, y)."""
    return next(lane for lane in range(world.lanes) if world.lane(lane).position == (x, y))


def random_valid(view: View, generator: torch.Generator) -> torch.Tensor:
    """int64 [L]: each valid action is equally likely."""
    score = torch.rand(view.action_mask.shape, generator=generator)
    return torch.where(view.action_mask, score, -1.0).argmax(1)


def busy(view: View, generator: torch.Generator) -> torch.Tensor:
    """int64 [L]: interacts most of the time where it can, else wanders; one action in ten is any, valid or not."""
    action = random_valid(view, generator)
    lanes, actions = view.action_mask.shape
    draw = torch.rand(lanes, generator=generator)
    action = torch.where(view.action_mask[:, INTERACT] & (draw < 0.7), INTERACT, action)
    return torch.where(draw > 0.9, torch.randint(actions, (lanes,), generator=generator), action)


def interact(world: HamletWorld, times: int) -> None:
    """All lanes interact so many times."""
    for _ in range(times):
        world.step(same_for_all(world, INTERACT))


def wait(world: HamletWorld, times: int) -> None:
    """All lanes wait so many times."""
    for _ in range(times):
        world.step(same_for_all(world, WAIT))


def new_world(rules: HamletSettings, lanes: int = 400, seed: int = 1) -> HamletWorld:
    """A world whose first episodes have begun, with an agent in every cell of a grid of 8 cells a side."""
    world = HamletWorld(rules, lanes, seed)
    world.reset()
    return world
