"""The one place that builds worlds from their settings."""

from townlet.config import Config
from townlet.specs import EnvironmentSpec
from townlet.worlds.hamlet.spec import environment_spec
from townlet.worlds.hamlet.world import HamletWorld
from townlet.worlds.interface import VectorWorld


def world_spec(config: Config) -> EnvironmentSpec:
    """What the configured world looks like from outside."""
    return environment_spec(config.world)


def build_world(config: Config, lanes: int, seed: int, first_lane: int = 0) -> VectorWorld:
    """A world of `lanes` lanes on the actors' device.

    first_lane: number of the first lane among all that share the seed; each lane has a random stream of its own.
    """
    return HamletWorld(config.world, lanes, seed, device=config.actor.device, first_lane=first_lane)
