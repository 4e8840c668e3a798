"""What the updates returned, gathered between two looks."""

import threading
from dataclasses import dataclass

from learner.update import Update


@dataclass(frozen=True)
class Means:
    """Over `updates` updates."""

    updates: int
    loss: float
    mean_q: float
    gradient_norm: float
    novelty: float


class Meter:
    """Added to by the learner's loop, read by the scoreboard's thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._sums = (0.0, 0.0, 0.0, 0.0)

    def add(self, update: Update) -> None:
        """Count one update."""
        with self._lock:
            loss, mean_q, norm, novelty = self._sums
            self._sums = (
                loss + update.loss,
                mean_q + update.mean_q,
                norm + update.gradient_norm,
                novelty + update.novelty,
            )
            self._count += 1

    def take(self) -> Means | None:
        """The means since the last look; None without an update in between."""
        with self._lock:
            count, sums = self._count, self._sums
            self._count, self._sums = 0, (0.0, 0.0, 0.0, 0.0)
        return Means(count, *(total / count for total in sums)) if count else None
