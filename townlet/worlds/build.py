"""The one place that builds worlds from their settings."""

from collections.abc import Callable, Sequence

import torch

from townlet.config import Config
from townlet.evaluation import Player, Reflex
from townlet.specs import EnvironmentSpec
from townlet.worlds.hamlet import spec as hamlet_spec
from townlet.worlds.hamlet.baselines import scripted, uniform_random, wait_forever
from townlet.worlds.hamlet.rules import DifficultySettings
from townlet.worlds.hamlet.world import HamletWorld
from townlet.worlds.interface import VectorWorld
from townlet.worlds.recall import rules as recall_rules
from townlet.worlds.recall.rules import RecallSettings
from townlet.worlds.recall.world import RecallWorld


def world_spec(config: Config) -> EnvironmentSpec:
    """What the configured world looks like from outside."""
    if isinstance(config.world, RecallSettings):
        return recall_rules.environment_spec(config.world)
    return hamlet_spec.environment_spec(config.world)


def build_world(
    config: Config, lanes: int, seed: int, first_lane: int = 0, difficulties: Sequence[DifficultySettings] = ()
) -> HamletWorld | RecallWorld:
    """A world of `lanes` lanes on the actors' device.

    first_lane: number of the first lane among all that share the seed; each lane has a random stream of its own.
    difficulties: those of the curriculum, for who trains; none: the level as it is.
    """
    if isinstance(config.world, RecallSettings):
        assert not difficulties, "a world without stages takes no curriculum; the configuration sees to it"
        return RecallWorld(config.world, lanes, seed, device=config.actor.device, first_lane=first_lane)
    return HamletWorld(config.world, lanes, seed, config.actor.device, first_lane, difficulties)


def baselines(config: Config) -> dict[str, Callable[[VectorWorld], Player]]:
    """What a learned policy is compared with, by name; each is built for a world of the configuration."""
    policies: dict[str, Callable[[VectorWorld], Player]] = {
        "random": lambda world: Reflex(uniform_random(torch.Generator(world.device).manual_seed(config.seed))),
    }
    if isinstance(config.world, RecallSettings):
        return policies
    policies["scripted"] = lambda world: Reflex(scripted(_hamlet(world)))
    if config.world.actions.wait_enabled:
        policies["wait for ever"] = lambda world: Reflex(wait_forever(_hamlet(world)))
    return policies


def _hamlet(world: VectorWorld) -> HamletWorld:
    assert isinstance(world, HamletWorld), world
    return world
