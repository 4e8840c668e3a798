"""The replay of one shard, in memory: arena, sampler and limiter put together. Pure: no network, clock, lock or log."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replay_service.arena import Arena, Slice
from replay_service.rate_limiter import RateLimiter
from replay_service.sampler.interface import Sampler


@dataclass(frozen=True)
class Sample:
    """N windows drawn. See SampleResponse in protos/replay.proto.

    keys: int64 [N]. probabilities: float64 [N]. real_before, real_after: int32 [N].
    data: each slice's bytes, uint8 [N, steps, size], one after the other.
    """

    keys: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    real_before: NDArray[np.int32]
    real_after: NDArray[np.int32]
    data: bytes


@dataclass(frozen=True)
class _Episode:
    order: int
    first: int
    steps: int


class Table:
    """Whole episodes, oldest dropped first; windows drawn from them.

    period: windows start at every so many steps of an episode, as the sampler was told too.
    """

    def __init__(
        self,
        arena: Arena,
        sampler: Sampler,
        limiter: RateLimiter,
        generator: np.random.Generator,
        period: int = 1,
    ) -> None:
        self.limiter = limiter
        self._arena = arena
        self._sampler = sampler
        self._generator = generator
        self._period = period
        self._episodes: deque[_Episode] = deque()

    @property
    def records(self) -> int:
        """Records held."""
        return len(self._arena)

    @property
    def episodes(self) -> int:
        """Episodes held."""
        return len(self._episodes)

    @property
    def items(self) -> int:
        """Window starts held."""
        return self._sampler.items

    @property
    def total_weight(self) -> float:
        """Sum of the items' draw weights."""
        return self._sampler.total_weight

    def insert(self, order: int, records: bytes | memoryview) -> list[int]:
        """Add an episode of whole records, no more than fit in the arena.

        order: its durable order number. Returns the order numbers of the episodes dropped to make room.
        """
        count = len(records) // self._arena.stride
        dropped = []
        while self._arena.capacity - len(self._arena) < count:
            dropped.append(self._drop_oldest())
        first = self._arena.write(records)
        self._sampler.insert(first, count - 1)
        self._episodes.append(_Episode(order, first, count - 1))
        self.limiter.inserted += count - 1
        return dropped

    def sample(self, windows: int, before: int, after: int, slices: Sequence[Slice]) -> Sample:
        """Draw `windows` windows [start - before, start + after). There is at least one item."""
        keys, probabilities = self._sampler.draw(windows, self._generator)
        positions = self._arena.windows(keys, before, after)
        self.limiter.sampled += windows
        return Sample(
            keys=keys,
            probabilities=probabilities,
            real_before=np.minimum(self._arena.since_start(keys), before).astype(np.int32),
            real_after=np.minimum(self._arena.until_end(keys), after).astype(np.int32),
            data=b"".join(self._arena.gather(positions, part).data for part in slices),
        )

    def update_priorities(self, keys: NDArray[np.int64], priorities: NDArray[np.float32]) -> None:
        """Set the priorities of items [N]; those that are gone are passed over."""
        held = (keys >= self._arena.tail) & (keys < self._arena.head)
        keys, priorities = keys[held], priorities[held]
        is_item = (self._arena.until_end(keys) > 0) & (self._arena.since_start(keys) % self._period == 0)
        self._sampler.update(keys[is_item], priorities[is_item])

    def _drop_oldest(self) -> int:
        oldest = self._episodes.popleft()
        self._sampler.remove(oldest.first, oldest.steps)
        self._arena.drop(oldest.steps + 1)
        return oldest.order
