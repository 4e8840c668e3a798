"""The interface of a sampler.

An item is known by its position in the arena; its slot is position % capacity. The items of an episode are every
`period`-th of its steps, from the first on; the final record is no step. Legend: N draws.
"""

from typing import Protocol

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

    def insert(self, first: int, steps: int) -> None:
        """The items among [first, first + steps) can be drawn from now on; position first + steps is a final record."""

    def remove(self, first: int, steps: int) -> None:
        """The oldest episode's items, among [first, first + steps), can no longer be drawn."""

    def draw(self, count: int, generator: Generator) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Positions int64 [N] and their probabilities float64 [N]. There is at least one item."""

    def update(self, positions: NDArray[np.int64], priorities: NDArray[np.float32]) -> None:
        """Set the priorities of items [N] that are all still held. Of an item named twice the last one counts."""
