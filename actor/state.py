"""All that an actor's future depends on: captured between two steps, and taken up before the first one.

What was pushed and what was reported counts where it went; a new incarnation begins its own books.
"""

from typing import Any, Protocol

from actor.agent import Agent
from actor.episodes import EpisodeAccumulator
from actor.schooling import Schooling
from actor.tally import Tally
from townlet.checkpoint.form import Form, check_forms
from townlet.checkpoint.state import State
from townlet.worlds.interface import VectorWorld


class Part(Protocol):
    """Something that has a state."""

    def state_dict(self) -> dict[str, Any]:
        """Copies."""

    def load_state_dict(self, saved: dict[str, Any], /) -> None:
        """Raises CheckpointError when it cannot be one."""


class ActorState:
    """The parts of an actor: world, agent, running episodes, and the sums that go with them."""

    def __init__(
        self, world: VectorWorld, agent: Agent, episodes: EpisodeAccumulator, tally: Tally, schooling: Schooling
    ) -> None:
        self._world = world
        self._agent = agent
        self._parts: dict[str, Part] = {
            "world": world,
            "agent": agent,
            "episodes": episodes,
            "tally": tally,
            "schooling": schooling,
        }

    def capture(self) -> State:
        """Everything, as copies."""
        return {name: part.state_dict() for name, part in self._parts.items()}

    def take_up(self, saved: State) -> None:
        """Be the actor that was captured. Raises CheckpointError when it was of another kind: then use neither.

        In a world that cannot save running episodes each lane begins its next one.
        """
        check_forms("saved actor", saved, dict.fromkeys(self._parts, Form("dict")))
        for name, part in self._parts.items():
            if self._world.saves_running_episodes or name not in ("episodes", "tally"):
                part.load_state_dict(saved[name])
        if not self._world.saves_running_episodes:
            self._agent.begin_anew()
