"""The one place that builds worlds from their settings. A Gymnasium world is imported only where one is configured."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch

from townlet.config import Config
from townlet.evaluation import Diary, Player, Reflex
from townlet.specs import EnvironmentSpec
from townlet.worlds.baselines import uniform_random
from townlet.worlds.gymnasium.settings import GymnasiumSettings
from townlet.worlds.hamlet import baselines as hamlet
from townlet.worlds.hamlet import spec as hamlet_spec
from townlet.worlds.hamlet.habits import Habits
from townlet.worlds.hamlet.rules import DifficultySettings, HamletSettings
from townlet.worlds.hamlet.world import HamletWorld
from townlet.worlds.interface import VectorWorld
from townlet.worlds.recall import rules as recall_rules
from townlet.worlds.recall.rules import RecallSettings
from townlet.worlds.recall.world import RecallWorld

if TYPE_CHECKING:
    from townlet.worlds.gymnasium.world import GymnasiumWorld

    World = HamletWorld | RecallWorld | GymnasiumWorld


def world_spec(config: Config) -> EnvironmentSpec:
    """What the configured world looks like from outside. Raises ConfigError when there is no such environment."""
    match config.world:
        case HamletSettings():
            return hamlet_spec.environment_spec(config.world)
        case RecallSettings():
            return recall_rules.environment_spec(config.world)
        case GymnasiumSettings():
            from townlet.worlds.gymnasium import spec

            return spec.environment_spec(config.world)


def build_world(
    config: Config, lanes: int, seed: int, first_lane: int = 0, difficulties: Sequence[DifficultySettings] = ()
) -> "World":
    """A world of `lanes` lanes on the actors' device.

    first_lane: number of the first lane among all that share the seed; each lane has a random stream of its own.
    difficulties: those of the curriculum, for who trains; none: the level as it is.
    """
    assert isinstance(config.world, HamletSettings) or not difficulties, "the configuration sees to it"
    match config.world:
        case HamletSettings():
            return HamletWorld(config.world, lanes, seed, config.actor.device, first_lane, difficulties)
        case RecallSettings():
            return RecallWorld(config.world, lanes, seed, device=config.actor.device, first_lane=first_lane)
        case GymnasiumSettings():
            world_spec(config)  # says what is missing, before anything that needs it is imported
            from townlet.worlds.gymnasium.world import GymnasiumWorld

            repeats = config.schedule.kind == "lockstep"
            return GymnasiumWorld(
                config.world, lanes, seed, device=config.actor.device, first_lane=first_lane, repeats=repeats
            )


def diary(world: VectorWorld) -> Diary | None:
    """One that takes note of an episode in each lane; None in a world of which there is no more to tell."""
    return Habits(world) if isinstance(world, HamletWorld) else None


def baselines(config: Config) -> dict[str, Callable[[VectorWorld], Player]]:
    """What a learned policy is compared with, by name; each is built for a world of the configuration."""
    policies: dict[str, Callable[[VectorWorld], Player]] = {
        "random": lambda world: Reflex(uniform_random(torch.Generator(world.device).manual_seed(config.seed)))
    }
    if isinstance(config.world, HamletSettings):
        policies["scripted"] = lambda world: Reflex(hamlet.scripted(_hamlet(world)))
        if config.world.actions.wait_enabled:
            policies["wait for ever"] = lambda world: Reflex(hamlet.wait_forever(_hamlet(world)))
    return policies


def _hamlet(world: VectorWorld) -> HamletWorld:
    assert isinstance(world, HamletWorld), world
    return world
