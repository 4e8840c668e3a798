"""A binary tree of partial sums over a fixed number of weights: draws and updates in logarithmic time, batches at once.

Legend: N queries or updates.
"""

import numpy as np
from numpy.typing import NDArray

BLOCK = 8
"""So many neighbouring weights have one sum in memory; those of two and of four of them are added up when needed."""
MOST_STALE = 2**16
"""So many changed weights wait for somebody who asks for a sum."""


class SumTree:
    """`size` weights, all 0 at first: kept as float32, added up as float64.

    Each sum is that of its two neighbours of the level below; a parent is always computed anew from its children, so
    that rounding never accumulates. Level k of those in memory is an array of 2**k sums, the last one of blocks. They
    are brought up to date when somebody asks for one: many changes in a row, such as episodes that come in, cost one.
    """

    def __init__(self, size: int) -> None:
        depth = max(0, (size - 1).bit_length() - (BLOCK - 1).bit_length())
        self.size = size
        self._levels = [np.zeros(2**level, np.float64) for level in range(depth + 1)]
        self._blocks = np.zeros((2**depth, BLOCK), np.float32)
        self._weights = self._blocks.reshape(-1)
        self._stale: list[NDArray[np.int64]] = []
        self._stale_count = 0

    @property
    def total(self) -> float:
        """The sum of all weights."""
        self._add_up()
        return float(self._levels[0][0])

    def get(self, indices: NDArray[np.int64]) -> NDArray[np.float64]:
        """Weights float64 [N] at indices int64 [N], as they are kept."""
        return self._weights[indices].astype(np.float64)

    def set(self, indices: NDArray[np.int64], weights: NDArray[np.float64] | float) -> None:
        """Replace the weights at indices int64 [N]. Of an index named twice the last weight counts."""
        self._weights[indices] = weights
        self._stale.append(indices // BLOCK)
        self._stale_count += len(indices)
        if self._stale_count > MOST_STALE:
            self._add_up()

    def find(self, sums: NDArray[np.float64]) -> NDArray[np.int64]:
        """Indices int64 [N] of the weights in which the sums, float64 [N] in [0, total), fall when laid end to end.

        An index of weight 0 is never found while the total is positive.
        """
        self._add_up()
        indices = np.zeros(len(sums), np.int64)
        left_over = sums.copy()
        for level in self._levels[1:]:
            _descend(indices, left_over, level[2 * indices], level[2 * indices + 1])
        blocks, queries = self._blocks[indices].astype(np.float64), np.arange(len(sums))
        within = np.zeros(len(sums), np.int64)
        twos, fours = _sums(blocks)
        for level in (fours, twos, blocks):
            _descend(within, left_over, level[queries, 2 * within], level[queries, 2 * within + 1])
        return BLOCK * indices + within

    def _add_up(self) -> None:
        """Compute the sums above whatever has changed."""
        if not self._stale:
            return
        indices = np.unique(np.concatenate(self._stale))
        self._stale, self._stale_count = [], 0
        _, fours = _sums(self._blocks[indices].astype(np.float64))
        self._levels[-1][indices] = fours[:, 0] + fours[:, 1]
        for below, level in zip(self._levels[:0:-1], self._levels[-2::-1], strict=True):
            indices = np.unique(indices >> 1)
            level[indices] = below[2 * indices] + below[2 * indices + 1]


def _sums(blocks: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of two and of four neighbours, [N, 4] and [N, 2], in blocks [N, BLOCK]."""
    twos = blocks[:, ::2] + blocks[:, 1::2]
    return twos, twos[:, ::2] + twos[:, 1::2]


def _descend(
    indices: NDArray[np.int64], left_over: NDArray[np.float64], left: NDArray[np.float64], right: NDArray[np.float64]
) -> None:
    """Go to the branch, of these sums, in which each query falls: indices [N] and what is left over of it [N]."""
    # Rounding may leave a sum at or past the left branch's end although there is nothing on the right.
    goes_right = (left_over >= left) & (right > 0.0)
    left_over -= np.where(goes_right, left, 0.0)
    indices *= 2
    indices += goes_right
