"""How far behind the newest policy somebody is. Pure: times are arguments, in seconds since any fixed moment."""

import numpy as np

MOST = 4096
"""Policies whose moment is remembered; who is further behind is as far as the oldest of them."""


class Lags:
    """When each policy was published. Their numbers follow one another."""

    def __init__(self) -> None:
        self._published_s = np.zeros(MOST)
        """At the number's place in a ring: small things that live for hours would hold the heap open between them."""
        self._first = self._newest = 0

    def publish(self, version: int, now_s: float) -> None:
        """This is the newest policy from now on."""
        self._first = max(self._first or version, version + 1 - MOST)
        self._newest = version
        self._published_s[version % MOST] = now_s

    def age_s(self, now_s: float) -> float | None:
        """Seconds since the newest policy was published; None before the first."""
        return now_s - self._at_s(self._newest) if self._newest else None

    def behind_s(self, version: int, now_s: float) -> float:
        """Seconds since there is a newer policy than this one; 0 when it is the newest."""
        if version >= self._newest:
            return 0.0
        return now_s - self._at_s(max(self._first, version + 1))

    def _at_s(self, version: int) -> float:
        return float(self._published_s[version % MOST])
