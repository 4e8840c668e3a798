"""What an update asks of the ranks: the processes of one learner, each of which learns from its share of every batch.

All of them have all networks, and make the same step: that of the whole batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True)
class Rates:
    """What an update goes by that is set, or moves, while the run trains: looked at once, and the same for all ranks.

    predictor: the learning rate of curiosity. intrinsic_weight: what novelty is worth. Both 0 without curiosity.
    """

    learning: float
    predictor: float = 0.0
    intrinsic_weight: float = 0.0


class Ranks(Protocol):
    """Calls that every rank makes in the same order, and that return the same on each."""

    def average(self, gradients: Tensor, figures: Tensor, apart: Tensor, count: int | Tensor) -> tuple[Tensor, Tensor]:
        """Make the gradients, float32 [P], those of the whole batch, in place.

        figures: float32 [F], of this share. Gradients and figures are means over `count` of its steps, and what comes
        back are the means over those of all shares. apart: float32 [B / ranks], one for each window of this share; what
        comes back is float32 [B], rank after rank.
        """

    def gather(self, values: Tensor) -> Sequence[Tensor]:
        """What each rank has, in their order: tensors of one shape."""


class Alone:
    """One rank: its share is the whole batch."""

    def average(self, gradients: Tensor, figures: Tensor, apart: Tensor, count: int | Tensor) -> tuple[Tensor, Tensor]:
        """See `Ranks`. All is as it should be already."""
        del gradients, count
        return figures, apart

    def gather(self, values: Tensor) -> Sequence[Tensor]:
        """See `Ranks`."""
        return (values,)
