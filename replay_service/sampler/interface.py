"""The interface of a sampler.

An item is known by its position in the arena; its slot is position % capacity. The items of an episode are every
`period`-th of its steps, from the first on; the final record is no step. Legend: N draws.
"""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Generator = np.random.Generator


class Sampler(Protocol):
    """Draws items with replacement, each with probability weight / total_weight."""

    @property
    def items(self) -> int:
        """How many items can be drawn."""

    @property
    def total_weight(self) -> float:
        """The sum of all draw weights."""

    def begin_at(self, position: int) -> None:
        """The first record to come has this position. Nothing has ever been inserted."""

    def insert(self, first: int, steps: int) -> None:
        """The items among [first, first + steps) can be drawn from now on; position first + steps is a final record."""

    def remove(self, first: int, steps: int) -> None:
        """The oldest episode's items, among [first, first + steps), can no longer be drawn."""

    def draw(self, count: int, generator: Generator) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Positions int64 [N] and their probabilities float64 [N]. There is at least one item."""

    def update(self, positions: NDArray[np.int64], priorities: NDArray[np.float32]) -> None:
        """Set the priorities of items [N] that are all still held. Of an item named twice the last one counts."""

    def state(self, items: NDArray[np.int64]) -> dict[str, Any]:
        """What draws depend on beside the items, as `townlet.checkpoint.state` keeps it.

        items: the positions [M] of all items held.
        """

    def load_state(self, items: NDArray[np.int64], state: dict[str, Any]) -> None:
        """Take up a state, once these items [M] have been inserted.

        Raises CheckpointError when it cannot be one, and then nothing has changed.
        """
