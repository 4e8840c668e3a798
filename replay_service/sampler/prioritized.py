"""An item is drawn in proportion to a power of its priority.

Schaul et al., "Prioritized Experience Replay" (2016), section 3.3, proportional: P(i) = p_i^alpha / sum_k p_k^alpha.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from replay_service.sampler.interface import Generator
from replay_service.sampler.sum_tree import SumTree
from townlet.checkpoint.form import Form, check_forms

LEAST_PRIORITY = 1e-6
"""Stands in for smaller priorities, so that every item can be drawn (the paper's small constant)."""
MOST_WEIGHT = float(np.finfo(np.float32).max)
"""Priorities travel as float32."""


class PrioritizedSampler:
    """New items enter with the highest priority seen so far, so that each is drawn soon."""

    def __init__(self, capacity: int, exponent: float, period: int = 1) -> None:
        self._capacity = capacity
        self._period = period
        self._exponent = exponent
        self._tree = SumTree(capacity)
        self._highest = 1.0
        self._tail = 0
        self.items = 0

    @property
    def total_weight(self) -> float:
        """The sum of priority ** exponent."""
        return self._tree.total

    def begin_at(self, position: int) -> None:
        """See `Sampler.begin_at`."""
        assert self.items == self._tail == 0
        self._tail = position

    def insert(self, first: int, steps: int) -> None:
        """See `Sampler.insert`."""
        items = np.arange(first, first + steps, self._period)
        self._tree.set(items % self._capacity, self._highest**self._exponent)
        self.items += len(items)

    def remove(self, first: int, steps: int) -> None:
        """See `Sampler.remove`."""
        items = np.arange(first, first + steps, self._period)
        self._tree.set(items % self._capacity, 0.0)
        self._tail = first + steps + 1
        self.items -= len(items)

    def draw(self, count: int, generator: Generator) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """See `Sampler.draw`."""
        assert self.items > 0
        slots = self._tree.find(generator.random(count) * self._tree.total)
        positions = self._tail + (slots - self._tail) % self._capacity
        return positions, self._tree.get(slots) / self._tree.total

    def update(self, positions: NDArray[np.int64], priorities: NDArray[np.float32]) -> None:
        """See `Sampler.update`."""
        self._highest = max(self._highest, float(priorities.max(initial=0.0)))
        weights = np.maximum(priorities.astype(np.float64), LEAST_PRIORITY) ** self._exponent
        self._tree.set(positions % self._capacity, weights)

    def state(self, items: NDArray[np.int64]) -> dict[str, Any]:
        """highest: of all priorities. weights: float64 [M]. See `Sampler.state`."""
        return {"highest": self._highest, "weights": self._tree.get(items % self._capacity)}

    def load_state(self, items: NDArray[np.int64], state: dict[str, Any]) -> None:
        """See `Sampler.load_state`."""
        weights = Form("float64", (len(items),), least=LEAST_PRIORITY / 2, most=MOST_WEIGHT)
        check_forms("saved sampler", state, {"highest": Form("float", least=0.0, most=MOST_WEIGHT), "weights": weights})
        self._highest = state["highest"]
        self._tree.set(items % self._capacity, state["weights"])
