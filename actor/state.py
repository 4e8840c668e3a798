"""All that an actor's future depends on: captured between two steps, and taken up before the first one.

What was pushed and what was reported counts where it went; a new incarnation begins its own books.
"""

from typing import Any, Protocol

from townlet.checkpoint.form import Form, check_forms
from townlet.checkpoint.state import State


class Part(Protocol):
    """Something that has a state."""

    def state_dict(self) -> dict[str, Any]:
        """Copies."""

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Raises CheckpointError when it cannot be one."""


class ActorState:
    """The parts of an actor: world, agent, running episodes, and the sums that go with them."""

    def __init__(self, **parts: Part) -> None:
        self._parts = parts

    def capture(self) -> State:
        """Everything, as copies."""
        return {name: part.state_dict() for name, part in self._parts.items()}

    def take_up(self, saved: State) -> None:
        """Be the actor that was captured. Raises CheckpointError when it was of another kind: then use neither."""
        check_forms("saved actor", saved, dict.fromkeys(self._parts, Form("dict")))
        for name, part in self._parts.items():
            part.load_state_dict(saved[name])
