"""The fast path's memory: a preallocated ring of records, and where in its episode each record stands.

Positions are absolute: they count every record ever written, and never wrap. A position's slot in the ring is
position % capacity. Legend: N windows, W records a window, S steps of a slice.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int64]


@dataclass(frozen=True)
class Slice:
    """Bytes [offset, offset + size) of `steps` records from a window's record `first` on."""

    first: int
    steps: int
    offset: int
    size: int


class Arena:
    """Holds the newest records of up to `capacity`, `stride` bytes each.

    [tail, head) are the positions held. Episodes are written at the head and dropped at the tail, whole.
    """

    def __init__(self, capacity: int, stride: int) -> None:
        self.capacity = capacity
        self.stride = stride
        self.head = 0
        self.tail = 0
        self._bytes = np.empty((capacity, stride), np.uint8)
        self._since_start: NDArray[np.uint16 | np.uint32] = np.zeros(capacity, np.uint16)
        self._until_end: NDArray[np.uint16 | np.uint32] = np.zeros(capacity, np.uint16)

    def begin_at(self, position: int) -> None:
        """The first record to come has this position. Nothing has ever been written."""
        assert self.head == self.tail == 0
        self.head = self.tail = position

    def __len__(self) -> int:
        return self.head - self.tail

    def write(self, records: bytes | memoryview) -> int:
        """Add an episode of T + 1 whole records at the head; its first record's position.

        The caller has made room by `drop`.
        """
        rows = np.frombuffer(records, np.uint8).reshape(-1, self.stride)
        count = len(rows)
        assert count <= self.capacity - len(self), "no room in the arena"
        if count - 1 > np.iinfo(self._since_start.dtype).max:
            self._count_further()
        first = self.head
        at = first % self.capacity
        split = min(count, self.capacity - at)
        steps = np.arange(count, dtype=self._since_start.dtype)
        for into, of in ((slice(at, at + split), slice(0, split)), (slice(0, count - split), slice(split, count))):
            self._bytes[into] = rows[of]
            self._since_start[into] = steps[of]
            self._until_end[into] = steps[::-1][of]
        self.head += count
        return first

    def drop(self, records: int) -> None:
        """Forget the oldest records."""
        assert records <= len(self)
        self.tail += records

    def until_end(self, positions: Positions) -> NDArray[np.int32]:
        """Steps from each position to the final record of its episode; 0 for a final record."""
        return self._until_end[positions % self.capacity].astype(np.int32)

    def since_start(self, positions: Positions) -> NDArray[np.int32]:
        """Steps from the first record of its episode to each position."""
        return self._since_start[positions % self.capacity].astype(np.int32)

    def windows(self, starts: Positions, before: int, after: int) -> Positions:
        """Positions int64 [N, before + after] of the windows [start - before, start + after).

        Where a window reaches over an end of its episode, the nearest record of the episode stands in.
        """
        offsets = np.arange(-before, after, dtype=np.int64)
        offsets = np.maximum(offsets, -self.since_start(starts)[:, None].astype(np.int64))
        offsets = np.minimum(offsets, self.until_end(starts)[:, None])
        positions: Positions = starts[:, None] + offsets
        return positions

    def gather(self, windows: Positions, part: Slice, into: NDArray[np.uint8]) -> None:
        """Write one slice of each window. into: uint8 [N * S * part.size]."""
        rows = windows[:, part.first : part.first + part.steps] % self.capacity
        if part.size == self.stride:
            np.take(self._bytes, rows, axis=0, out=into.reshape(*rows.shape, part.size), mode="clip")
            return
        column: NDArray[np.void] = np.ndarray(
            (self.capacity,), f"V{part.size}", self._bytes, offset=part.offset, strides=(self.stride,)
        )
        into.view(column.dtype).reshape(rows.shape)[...] = column[rows]

    def _count_further(self) -> None:
        """Most episodes have fewer steps than 16 bits count: only where one has more, twice as many bits are kept."""
        self._since_start, self._until_end = (each.astype(np.uint32) for each in (self._since_start, self._until_end))
