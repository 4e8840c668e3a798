"""How far behind the newest policy somebody is. Pure: times are arguments, in seconds since any fixed moment."""

from collections import deque

MOST = 4096
"""Policies whose moment is remembered; who is further behind is as far as the oldest of them."""


class Lags:
    """When each policy was published."""

    def __init__(self) -> None:
        self._published: deque[tuple[int, float]] = deque(maxlen=MOST)

    def publish(self, version: int, now_s: float) -> None:
        """This is the newest policy from now on."""
        self._published.append((version, now_s))

    def age_s(self, now_s: float) -> float | None:
        """Seconds since the newest policy was published; None before the first."""
        return now_s - self._published[-1][1] if self._published else None

    def behind_s(self, version: int, now_s: float) -> float:
        """Seconds since there is a newer policy than this one; 0 when it is the newest."""
        if not self._published or version >= self._published[-1][0]:
            return 0.0
        first = self._published[0][0]  # numbers follow one another
        return now_s - self._published[max(0, version + 1 - first)][1]
