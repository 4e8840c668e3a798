"""The interface of a vectorized world: L independent lanes, stepped together on one device."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from townlet.specs import EnvironmentSpec

Observation = dict[str, Tensor]
"""Block name -> [L, *block shape], in the order and the dtypes of `EnvironmentSpec.observation`."""


@dataclass(frozen=True)
class View:
    """What agents see before they act.

    observation: blocks of [L, ...].
    action_mask: bool [L, A], true where the action may be taken; at least one is true in every lane.
    """

    observation: Observation
    action_mask: Tensor


@dataclass(frozen=True)
class Finished:
    """The F lanes whose episode ended in a step, as they were before they reset.

    lanes: int64 [F], ascending.
    view: the final view of the old episode, [F, ...].
    steps: int64 [F], the length of the old episode.
    """

    lanes: Tensor
    view: View
    steps: Tensor


@dataclass(frozen=True)
class Step:
    """What one step brought.

    view: what the agents see next; a finished lane shows the first view of its next episode.
    reward: float32 [L], for the step just taken.
    terminated: bool [L], the end of the MDP: the value ends here.
    truncated: bool [L], the time limit: the value goes on. Never true together with terminated.
    finished: the lanes that are terminated or truncated, or None when there is none.
    dropped: int64 [D], ascending, the lanes whose running episode is abandoned, this step included, because its
        environment failed; they show the first view of another episode, and are not finished. None when there is none.

    No tensor of a Step is written to by a later step.
    """

    view: View
    reward: Tensor
    terminated: Tensor
    truncated: Tensor
    finished: Finished | None
    dropped: Tensor | None = None


class VectorWorld(Protocol):
    """L lanes that never see each other. A lane that finishes resets itself in the same step."""

    spec: EnvironmentSpec
    lanes: int
    device: torch.device
    saves_running_episodes: bool
    """Whether a saved state goes on with the running episodes; otherwise each lane begins its next one."""

    def reset(self) -> View:
        """Start a new episode in every lane."""

    def step(self, action: Tensor) -> Step:
        """Take one action in every lane. action: int64 [L]."""

    def view(self) -> View:
        """What the agents see now (after `load_state_dict`, for instance)."""

    def set_run_episodes(self, episodes: int) -> None:
        """Tell the world how many episodes the whole run has finished, for rules that depend on it."""

    def state_dict(self) -> dict[str, Tensor]:
        """Everything that a lane's future depends on, as tensors of this world's device."""

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take up a state saved by a world of the same spec and lanes.

        Raises CheckpointError when a tensor is missing, unknown, or of another shape or dtype; nothing is changed then.
        """
