"""How old what is sampled is. Pure: times are arguments, in seconds since any fixed moment."""

from bisect import bisect_right

PERIOD_S = 1.0
MOST = 4096
"""Moments kept; beyond it every other one is forgotten."""


class Ages:
    """Remembers now and then how far the records had come. Older records than its first look are as old as that."""

    def __init__(self) -> None:
        self._heads: list[int] = []
        self._times_s: list[float] = []

    def look(self, tail: int, head: int, now_s: float) -> None:
        """Positions of the oldest record held, and after the newest one, now."""
        if self._times_s and now_s - self._times_s[-1] < PERIOD_S:
            return
        if self._heads and head < self._heads[-1]:  # an older version was taken up
            self._heads.clear()
            self._times_s.clear()
        gone = bisect_right(self._heads, tail)
        del self._heads[:gone], self._times_s[:gone]
        if len(self._heads) >= MOST:
            del self._heads[1::2], self._times_s[1::2]
        self._heads.append(head)
        self._times_s.append(now_s)

    def age_s(self, position: int, now_s: float) -> float:
        """Seconds since the record at a position was there, at the least; 0 for one that came after the last look."""
        seen = bisect_right(self._heads, position)
        return now_s - self._times_s[seen] if seen < len(self._heads) else 0.0
