"""The replay of one shard, in memory: arena, sampler and limiter put together. Pure: no network, clock, lock or log."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from replay_service.arena import Arena, Slice
from replay_service.rate_limiter import RateLimiter
from replay_service.sampler.interface import Sampler
from townlet.checkpoint import philox
from townlet.checkpoint.form import Form, check_forms
from townlet.checkpoint.state import State
from townlet.errors import CheckpointError

_FORMS = {
    "tail": Form("int", least=0),
    "orders": Form("int64", (None,), least=0),
    "steps": Form("int64", (None,), least=1),
    "sampler": Form("dict"),
    "limiter": Form("dict"),
    "generator": Form("dict"),
}
_LIMITER = {
    "inserted": Form("int", least=0),
    "sampled": Form("int", least=0),
    "ratio": Form("float", least=0),
    "tolerance": Form("float", least=0),
    "offset": Form("float"),
}


@dataclass(frozen=True)
class Sample:
    """N windows drawn. See SampleResponse in protos/replay.proto.

    keys: int64 [N]. probabilities: float64 [N]. real_before, real_after: int32 [N].
    data: each slice's bytes, uint8 [N, steps, size], one after the other, flat.
    """

    keys: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    real_before: NDArray[np.int32]
    real_after: NDArray[np.int32]
    data: NDArray[np.uint8]


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
        # Of each episode, oldest first: plain numbers, for there may be millions.
        self._orders: deque[int] = deque()
        self._steps: deque[int] = deque()

    @property
    def records(self) -> int:
        """Records held."""
        return len(self._arena)

    @property
    def tail(self) -> int:
        """Position of the oldest record held: a sample's keys are positions."""
        return self._arena.tail

    @property
    def head(self) -> int:
        """Position after the newest record."""
        return self._arena.head

    @property
    def episodes(self) -> int:
        """Episodes held."""
        return len(self._orders)

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
        self._orders.append(order)
        self._steps.append(count - 1)
        self.limiter.inserted += count - 1
        return dropped

    def sample(
        self,
        windows: int,
        before: int,
        after: int,
        slices: Sequence[Slice],
        into: NDArray[np.uint8] | None = None,
    ) -> Sample:
        """Draw `windows` windows [start - before, start + after). There is at least one item.

        into: where the data shall be; None: in memory of their own.
        """
        keys, probabilities = self._sampler.draw(windows, self._generator)
        positions = self._arena.windows(keys, before, after)
        sizes = [windows * part.steps * part.size for part in slices]
        data = np.empty(sum(sizes), np.uint8) if into is None else into
        for part, place in zip(slices, np.split(data, np.cumsum(sizes))[:-1], strict=True):
            self._arena.gather(positions, part, place)
        self.limiter.sampled += windows
        return Sample(
            keys=keys,
            probabilities=probabilities,
            real_before=np.minimum(self._arena.since_start(keys), before).astype(np.int32),
            real_after=np.minimum(self._arena.until_end(keys), after).astype(np.int32),
            data=data,
        )

    def update_priorities(self, keys: NDArray[np.int64], priorities: NDArray[np.float32]) -> None:
        """Set the priorities of items [N]; those that are gone are passed over."""
        held = (keys >= self._arena.tail) & (keys < self._arena.head)
        keys, priorities = keys[held], priorities[held]
        is_item = (self._arena.until_end(keys) > 0) & (self._arena.since_start(keys) % self._period == 0)
        self._sampler.update(keys[is_item], priorities[is_item])

    def held(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Order number and steps of each episode, int64 [E], oldest first."""
        episodes = self.episodes
        return np.fromiter(self._orders, np.int64, episodes), np.fromiter(self._steps, np.int64, episodes)

    def state(self) -> State:
        """All that the future depends on, but for the episodes' records: copies."""
        orders, steps = self.held()
        return {
            "tail": self._arena.tail,
            "orders": orders,
            "steps": steps,
            "sampler": self._sampler.state(self._items()),
            "limiter": self.limiter.state(),
            "generator": philox.state(self._generator),
        }

    def load_state(self, state: State, episodes: Iterable[bytes | memoryview]) -> None:
        """Take up a state with the records of its episodes, oldest first. Nothing has ever been inserted here.

        Raises CheckpointError when the two do not fit this table, or one another; it is of no use then.
        """
        check_state(state)
        orders, steps = state["orders"], state["steps"]
        if int((steps + 1).sum()) > self._arena.capacity:
            raise CheckpointError(
                f"saved table: steps: expected at most {self._arena.capacity} records in all, found {(steps + 1).sum()}"
            )
        self._arena.begin_at(state["tail"])
        self._sampler.begin_at(state["tail"])
        for order, expected, records in zip(orders.tolist(), steps.tolist(), episodes, strict=True):
            if len(records) != (expected + 1) * self._arena.stride:
                size = (expected + 1) * self._arena.stride
                raise CheckpointError(f"saved episode {order}: expected {size} bytes, found {len(records)}")
            self.insert(order, records)
        self._sampler.load_state(self._items(), state["sampler"])
        self.limiter.load_state(state["limiter"])
        philox.load_state(self._generator, state["generator"])

    def _items(self) -> NDArray[np.int64]:
        """The positions of all items held, oldest first."""
        _, steps = self.held()
        firsts = self._arena.tail + np.cumsum(steps + 1) - (steps + 1)
        items = [np.arange(first, first + count, self._period) for first, count in zip(firsts, steps, strict=True)]
        return np.concatenate(items) if items else np.empty(0, np.int64)

    def _drop_oldest(self) -> int:
        steps = self._steps.popleft()
        self._sampler.remove(self._arena.tail, steps)
        self._arena.drop(steps + 1)
        return self._orders.popleft()


def check_state(state: State) -> None:
    """Raises CheckpointError when it cannot be what `Table.state` returned."""
    check_forms("saved table", state, _FORMS)
    check_forms("saved limiter", state["limiter"], _LIMITER)
    orders, steps = state["orders"], state["steps"]
    if len(orders) != len(steps) or (np.diff(orders) <= 0).any():
        raise CheckpointError("saved table: orders: expected ascending numbers, one for each of steps, found others")
