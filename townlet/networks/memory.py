"""What an agent carries from one step to the next. L lanes, S numbers of recurrent state, A actions."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from townlet.worlds.interface import Observation, Step


@dataclass(frozen=True)
class Memory:
    """At the start of an episode everything is zero.

    state: float32 [L, S]; S is 0 without a recurrent network.
    previous_action: int64 [L], the action's ID plus 1; 0 before the first.
    previous_reward: float32 [L], extrinsic, as the environment gave it.
    """

    state: Tensor
    previous_action: Tensor
    previous_reward: Tensor

    @classmethod
    def empty(cls, lanes: int, state_size: int, device: torch.device) -> "Memory":
        """Of lanes that have seen nothing yet."""
        return cls(
            torch.zeros(lanes, state_size, device=device),
            torch.zeros(lanes, dtype=torch.int64, device=device),
            torch.zeros(lanes, device=device),
        )

    def after(self, state: Tensor, action: Tensor, step: Step) -> "Memory":
        """Once `action` has brought `step` and the network has moved on to `state`; lanes that begin anew forget."""
        ended = step.terminated | step.truncated
        if step.dropped is not None:
            ended = ended.index_fill(0, step.dropped, True)
        return Memory(state, action + 1, step.reward).without(ended)

    def without(self, lanes: Tensor) -> "Memory":
        """The same, but empty where bool [L] says so."""
        return Memory(
            self.state.masked_fill(lanes[:, None], 0.0),
            self.previous_action.masked_fill(lanes, 0),
            self.previous_reward.masked_fill(lanes, 0.0),
        )


@dataclass(frozen=True)
class Inputs:
    """What a recurrent network is given: T steps of B sequences.

    observation: blocks of [B, T, ...]. previous_action: int64 [B, T]. previous_reward: float32 [B, T]. See `Memory`.
    """

    observation: Observation
    previous_action: Tensor
    previous_reward: Tensor

    def steps(self, first: int, last: int) -> "Inputs":
        """The steps [first, last)."""
        return self._each(lambda of_steps: of_steps[:, first:last])

    def without(self, first: int, last: int) -> "Inputs":
        """All steps but [first, last), as copies."""
        return self._each(lambda of_steps: torch.cat([of_steps[:, :first], of_steps[:, last:]], dim=1))

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Inputs":
        observation = {name: change(block) for name, block in self.observation.items()}
        return Inputs(observation, change(self.previous_action), change(self.previous_reward))
