"""Every item is equally likely."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from replay_service.sampler.interface import Generator
from townlet.checkpoint.form import Form, check_forms


class UniformSampler:
    """Draws positions of the whole ring and rejects those that start no window."""

    def __init__(self, capacity: int, period: int = 1) -> None:
        self._capacity = capacity
        self._period = period
        self._is_item = np.zeros(capacity, np.bool_)
        self._tail = 0
        self._head = 0
        self.items = 0

    @property
    def total_weight(self) -> float:
        """Each item weighs 1."""
        return float(self.items)

    def begin_at(self, position: int) -> None:
        """See `Sampler.begin_at`."""
        assert self._head == self._tail == 0
        self._head = self._tail = position

    def insert(self, first: int, steps: int) -> None:
        """See `Sampler.insert`."""
        items = range(first, first + steps, self._period)
        self._is_item[np.arange(first, first + steps + 1) % self._capacity] = False
        self._is_item[np.asarray(items) % self._capacity] = True
        self._head = first + steps + 1
        self.items += len(items)

    def remove(self, first: int, steps: int) -> None:
        """See `Sampler.remove`."""
        self._tail = first + steps + 1
        self.items -= len(range(0, steps, self._period))

    def draw(self, count: int, generator: Generator) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """See `Sampler.draw`."""
        assert self.items > 0
        drawn = np.empty(0, np.int64)
        while len(drawn) < count:
            tried = generator.integers(self._tail, self._head, self._period * (count - len(drawn)))
            drawn = np.concatenate([drawn, tried[self._is_item[tried % self._capacity]]])
        return drawn[:count], np.full(count, 1.0 / self.items)

    def update(self, positions: NDArray[np.int64], priorities: NDArray[np.float32]) -> None:
        """Priorities do not matter here."""

    def state(self, items: NDArray[np.int64]) -> dict[str, Any]:
        """items: how many; there is nothing else. See `Sampler.state`."""
        return {"items": len(items)}

    def load_state(self, items: NDArray[np.int64], state: dict[str, Any]) -> None:
        """See `Sampler.load_state`."""
        check_forms("saved sampler", state, {"items": Form("int", least=len(items), most=len(items))})
