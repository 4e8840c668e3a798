"""Claim: with 10 million records an append costs at most twice what it does with 10,000, and a sample 4 times as much.

The table of a shard alone, full of the transitions of `replay_race`, prioritized: what depends on the number of records
is in there, while gRPC and Redis see episodes and batches. Either an episode of 500 steps is appended, for which an old
one goes, or 256 transitions are drawn and gathered, or get new priorities. An append writes one record after the other:
it bends where the ring leaves the caches, some 100,000 records or 20 MB, and does not care from there on. A sample
reads at random: it bends at some 3 million, as a gather of 256 records alone does, where not even the page tables are
in the caches any more, and each record waits for both. The tree of the sums adds a level for each doubling.
"""

from collections.abc import Callable
from functools import cache

import numpy as np

from bench.curve import trace
from bench.rounds import Options, calls_per_cpu_s, options
from bench.services import EPISODE_STEPS
from replay_service.arena import Arena, Slice
from replay_service.rate_limiter import RateLimiter
from replay_service.sampler.prioritized import PrioritizedSampler
from replay_service.table import Table

RECORDS = [10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000]
STRIDE = 215
BATCH = 256
EVERYTHING = Slice(0, 1, 0, STRIDE)


class Full:
    """A full table, and what is done with it."""

    def __init__(self, records: int) -> None:
        limiter = RateLimiter(samples_per_insert=None, min_size=1, tolerance=1.0)
        generator = np.random.Generator(np.random.Philox(1))
        self._random = np.random.default_rng(1)
        self._arena = Arena(records, STRIDE)
        self._table = Table(self._arena, PrioritizedSampler(records, exponent=0.6), limiter, generator)
        self._episode = self._random.bytes((EPISODE_STEPS + 1) * STRIDE)
        self._order = 0
        self._gathered = np.empty(BATCH * STRIDE, np.uint8)
        while self._order <= records // (EPISODE_STEPS + 1):
            self.append()
        self._keys = self._table.sample(BATCH, 0, 1, []).keys

    def append(self) -> None:
        """An episode."""
        self._table.insert(self._order, self._episode)
        self._order += 1

    def sample(self) -> None:
        """A batch."""
        self._keys = self._table.sample(BATCH, 0, 1, [EVERYTHING]).keys

    def update(self) -> None:
        """The priorities of a batch."""
        keys = self._random.integers(self._table.tail, self._table.head, BATCH)
        self._table.update_priorities(keys, self._random.random(BATCH, np.float32))

    def gather(self) -> None:
        """As many records, from anywhere, alone."""
        rows = self._random.integers(self._table.tail, self._table.head, (BATCH, 1))
        self._arena.gather(rows, EVERYTHING, self._gathered)


def main() -> None:
    """Measure and print."""
    measure(RECORDS, options(__doc__, rounds=3))


def measure(records: list[int], chosen: Options) -> None:
    """At each of these numbers of records; all tables together are in memory."""
    table = cache(Full)

    def us(work: Callable[[Full], None]) -> Callable[[int], float]:
        def measured(size: int) -> float:
            full = table(size)
            return 1e6 / calls_per_cpu_s(lambda: work(full), chosen.seconds)

        return measured

    lines = {
        "append 500 steps": us(Full.append),
        f"sample {BATCH}": us(Full.sample),
        f"update {BATCH} priorities": us(Full.update),
        f"gather {BATCH}, alone": us(Full.gather),
    }
    trace("a full table", "records", "us of CPU", records, lines, chosen)


if __name__ == "__main__":
    main()
