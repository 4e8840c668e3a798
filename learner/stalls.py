"""Tells the log when a stall begins, who waits for what, and when it ends."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from learner.waits import Kind, Wait, in_words

STALL_S = 3.0
"""Who waits for so long stands for a stall."""

log = structlog.get_logger()


@dataclass
class _Stall:
    began_s: float
    waiting: str
    told: bool = False


class Stalls:
    """For each kind of thing that is waited for one line at the beginning, and one at the end. Times are arguments."""

    def __init__(self) -> None:
        self._stalls: dict[Kind, _Stall] = {}

    def look(self, waits: Sequence[Wait], now_s: float) -> None:
        """Who waits now."""
        kinds = dict.fromkeys(wait.kind for wait in waits)
        for kind in kinds:
            waiting = in_words([wait for wait in waits if wait.kind == kind])
            stall = self._stalls.setdefault(kind, _Stall(now_s, waiting))
            if not stall.told and now_s - stall.began_s >= STALL_S:
                stall.told = True
                log.warning("stall_begins", reason=kind, waiting=waiting)
        for kind in self._stalls.keys() - kinds.keys():
            stall = self._stalls.pop(kind)
            if stall.told:
                log.info("stall_ends", reason=kind, waited=stall.waiting, seconds=now_s - stall.began_s)
