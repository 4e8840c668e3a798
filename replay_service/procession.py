"""Lets a producer's requests through in the order of their episodes, whatever order they came in."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

GAP_S = 1.0
"""So long a request waits for one before it that nobody has heard of: it may have been overtaken on its way."""


@dataclass
class _Way:
    """One producer's. next_sequence: after the last episode that was let through. under_way: requests on it."""

    epoch: int
    next_sequence: int
    under_way: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self) -> None:
        """Something has changed for those who wait."""
        self.changed.set()
        self.changed = asyncio.Event()


class Procession:
    """For one event loop. Producers send several requests at a time; an episode that leaves a gap would be refused."""

    def __init__(self) -> None:
        self._ways: dict[str, _Way] = {}

    @asynccontextmanager
    async def turn(self, actor: str, epoch: int, known: int, sequence: int, until_s: float) -> AsyncIterator[bool]:
        """A request on its way, once all episodes before its first one, `sequence`, have gone.

        known: the next sequence number of what has been stored. Gives false when that did not happen until `until_s`,
        although those before are on their way. When they are not the request goes, and will be refused.
        """
        way = self._way(actor, epoch, known)
        came_s = time.monotonic()
        while sequence > way.next_sequence:
            patience_s = (until_s if way.under_way else min(until_s, came_s + GAP_S)) - time.monotonic()
            try:
                async with asyncio.timeout(patience_s):
                    await way.changed.wait()
            except TimeoutError:
                break
        if sequence > way.next_sequence and way.under_way:
            yield False
            return
        way.under_way += 1
        try:
            yield True
        finally:
            way.under_way -= 1
            way.tell()

    def passed(self, actor: str, epoch: int, sequence: int) -> None:
        """An episode of a request that has its turn has gone."""
        way = self._ways[actor]
        if way.epoch == epoch and sequence >= way.next_sequence:
            way.next_sequence = sequence + 1
            way.tell()

    def _way(self, actor: str, epoch: int, known: int) -> _Way:
        way = self._ways.get(actor)
        if way is None or way.epoch != epoch:
            way = self._ways[actor] = _Way(epoch, known)
        return way
