"""A binary tree of partial sums over a fixed number of weights: draws and updates in logarithmic time, batches at once.

Legend: N queries or updates.
"""

import numpy as np
from numpy.typing import NDArray


class SumTree:
    """`size` weights, all 0 at first.

    Level k of the tree is an array of 2**k sums, each the sum of two neighbours of the level below; a parent is always
    computed anew from its children, so that rounding never accumulates.
    """

    def __init__(self, size: int) -> None:
        depth = max(1, (size - 1).bit_length())
        self.size = size
        self._levels = [np.zeros(2**level, np.float64) for level in range(depth + 1)]

    @property
    def total(self) -> float:
        """The sum of all weights."""
        return float(self._levels[0][0])

    def get(self, indices: NDArray[np.int64]) -> NDArray[np.float64]:
        """Weights float64 [N] at indices int64 [N]."""
        return self._levels[-1][indices]

    def set(self, indices: NDArray[np.int64], weights: NDArray[np.float64] | float) -> None:
        """Replace the weights at indices int64 [N]. Of an index named twice the last weight counts."""
        self._levels[-1][indices] = weights
        for below, level in zip(self._levels[:0:-1], self._levels[-2::-1], strict=True):
            indices = np.unique(indices >> 1)
            level[indices] = below[2 * indices] + below[2 * indices + 1]

    def find(self, sums: NDArray[np.float64]) -> NDArray[np.int64]:
        """Indices int64 [N] of the weights in which the sums, float64 [N] in [0, total), fall when laid end to end.

        An index of weight 0 is never found while the total is positive.
        """
        indices = np.zeros(len(sums), np.int64)
        left_over = sums.copy()
        for level in self._levels[1:]:
            indices *= 2
            left = level[indices]
            # Rounding may leave a sum at or past the left branch's end although there is nothing on the right.
            right = (left_over >= left) & (level[indices + 1] > 0.0)
            left_over -= np.where(right, left, 0.0)
            indices += right
        return indices
