"""The one place that builds worlds from their settings. A Gymnasium world is imported only where one is configured."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from townlet.config import Config
from townlet.evaluation import Actions
from townlet.specs import EnvironmentSpec
from townlet.worlds.gymnasium.settings import GymnasiumSettings
from townlet.worlds.hamlet import baselines as hamlet
from townlet.worlds.hamlet.rules import HamletSettings
from townlet.worlds.hamlet.spec import environment_spec
from townlet.worlds.hamlet.world import HamletWorld
from townlet.worlds.interface import VectorWorld

if TYPE_CHECKING:
    from townlet.worlds.gymnasium.world import GymnasiumWorld

    World = HamletWorld | GymnasiumWorld


def world_spec(config: Config) -> EnvironmentSpec:
    """What the configured world looks like from outside. Raises ConfigError when there is no such environment."""
    match config.world:
        case HamletSettings():
            return environment_spec(config.world)
        case GymnasiumSettings():
            from townlet.worlds.gymnasium import spec

            return spec.environment_spec(config.world)


def build_world(config: Config, lanes: int, seed: int, first_lane: int = 0) -> "World":
    """A world of `lanes` lanes on the actors' device.

    first_lane: number of the first lane among all that share the seed; each lane has a random stream of its own.
    """
    match config.world:
        case HamletSettings():
            return HamletWorld(config.world, lanes, seed, device=config.actor.device, first_lane=first_lane)
        case GymnasiumSettings():
            world_spec(config)  # says what is missing, before anything that needs it is imported
            from townlet.worlds.gymnasium.world import GymnasiumWorld

            return GymnasiumWorld(config.world, lanes, seed, device=config.actor.device, first_lane=first_lane)


def baselines(config: Config) -> dict[str, Callable[[VectorWorld], Actions]]:
    """What a learned policy is compared with, by name; each is built for a world of the configuration."""
    match config.world:
        case HamletSettings():
            policies: dict[str, Callable[[VectorWorld], Actions]] = {
                "random": lambda world: hamlet.uniform_random(_generator(config, world)),
                "scripted": lambda world: hamlet.scripted(_hamlet(world)),
            }
            if config.world.actions.wait_enabled:
                policies["wait for ever"] = lambda world: hamlet.wait_forever(_hamlet(world))
            return policies
        case GymnasiumSettings():
            from townlet.worlds.gymnasium.baselines import uniform_random

            return {"random": lambda world: uniform_random(_generator(config, world))}


def _generator(config: Config, world: VectorWorld) -> torch.Generator:
    return torch.Generator(world.device).manual_seed(config.seed)


def _hamlet(world: VectorWorld) -> HamletWorld:
    assert isinstance(world, HamletWorld), world
    return world
