"""Who may leave, of those who were told to stop. Pure: times are arguments, in seconds since any fixed moment."""

from collections.abc import Callable

from townlet.lifecycle import TOGETHER_S


class Farewells:
    """A member that is stopped alone leaves soon; one that is stopped with the learner is part of the last version.

    stopping: whether the learner stops, too.
    """

    def __init__(self, stopping: Callable[[], bool]) -> None:
        self._stopping = stopping
        self._asked_s: dict[str, float] = {}

    def may_leave(self, incarnation: str, now_s: float) -> bool:
        """Whether one that asks to leave may. While the learner stops, nobody may: the last version lets all go."""
        asked_s = self._asked_s.setdefault(incarnation, now_s)
        return not self._stopping() and now_s - asked_s >= TOGETHER_S

    def forget(self, incarnation: str) -> None:
        """It has left."""
        self._asked_s.pop(incarnation, None)
