"""The one place that builds worlds from their settings."""

from collections.abc import Callable

import torch

from townlet.config import Config
from townlet.evaluation import Actions
from townlet.specs import EnvironmentSpec
from townlet.worlds.hamlet.baselines import scripted, uniform_random, wait_forever
from townlet.worlds.hamlet.spec import environment_spec
from townlet.worlds.hamlet.world import HamletWorld


def world_spec(config: Config) -> EnvironmentSpec:
    """What the configured world looks like from outside."""
    return environment_spec(config.world)


def build_world(config: Config, lanes: int, seed: int, first_lane: int = 0) -> HamletWorld:
    """A world of `lanes` lanes on the actors' device.

    first_lane: number of the first lane among all that share the seed; each lane has a random stream of its own.
    """
    return HamletWorld(config.world, lanes, seed, device=config.actor.device, first_lane=first_lane)


def baselines(config: Config) -> dict[str, Callable[[HamletWorld], Actions]]:
    """What a learned policy is compared with, by name; each is built for a world of the configuration."""
    policies: dict[str, Callable[[HamletWorld], Actions]] = {
        "random": lambda world: uniform_random(torch.Generator(world.device).manual_seed(config.seed)),
        "scripted": scripted,
    }
    if config.world.actions.wait_enabled:
        policies["wait for ever"] = wait_forever
    return policies
