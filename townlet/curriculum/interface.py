"""The interface of a curriculum: it is told how episodes ended, and says at which stage each lane plays the next one.

Legend: L lanes of one actor, F of them whose episode has ended, K stages, numbered from 0. All tensors are on the CPU.
"""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True)
class Ended:
    """F episodes that ended in one step, by death and at the cap alike.

    lane: int64 [F], each at most once. steps: int64 [F], from 1 to `cap`. cap: int64 [F], the one that held for the
    episode. terminated: bool [F], by death; the others lived to the cap. episode_return: float64 [F], the sum of
    the extrinsic rewards, unscaled. entropy: float64 [F], within [0, 1]: the episode's mean of
    `townlet.exploration.normalised_entropy`.
    """

    lane: Tensor
    steps: Tensor
    cap: Tensor
    terminated: Tensor
    episode_return: Tensor
    entropy: Tensor


@dataclass(frozen=True)
class StageChange:
    """A lane plays at another stage from its next episode on.

    reason: in words. figures: what the lane did at the stage that it leaves, by name (see `stages.Figures`).
    """

    lane: int
    from_stage: int
    to_stage: int
    reason: str
    figures: dict[str, float]


class Curriculum(Protocol):
    """Holds the stage of each of L lanes, and what that follows from.

    count: K. stage: int64 [L], of each lane's running episode; all begin at 0.
    """

    count: int

    @property
    def stage(self) -> Tensor:
        """A copy, int64 [L]."""

    def feed(self, ended: Ended) -> list[StageChange]:
        """Count episodes, each exactly once, and decide on the next ones of their lanes."""

    def state_dict(self) -> dict[str, Tensor]:
        """Everything that decisions depend on, as copies."""

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take up a state saved by a curriculum of the same settings and lanes.

        Raises CheckpointError when it cannot be one, and then nothing has changed.
        """
