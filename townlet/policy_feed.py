"""Policies on their way out: the newest one, as bytes, for whoever follows."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

SENDS_AT_ONCE = 16
"""gRPC copies a message for each subscriber that it is sent to: so many copies may wait for the network."""
PATIENCE_S = 2.0
"""Who takes longer for one policy is slow, and does not count among these any more."""


class PolicyFeed:
    """Lives on a server's event loop. Newest wins, and nobody's slowness holds anybody up for long.

    followers: how many there are. wanted: set while there are any.
    """

    def __init__(self) -> None:
        self.followers = 0
        self.wanted = asyncio.Event()
        self._newest: bytes | None = None
        self._published = 0
        self._changed = asyncio.Event()
        self._turns = asyncio.Semaphore(SENDS_AT_ONCE)

    def publish(self, policy: bytes) -> None:
        """From now on this is the newest policy, whatever its version."""
        self._newest = policy
        self._published += 1
        self._changed.set()
        self._changed = asyncio.Event()

    def forget(self) -> None:
        """From now on there is none, until the next is published."""
        self._newest = None

    async def follow(self) -> AsyncGenerator[bytes]:
        """The newest policy at once, then each newer one; those that come while the caller is busy are skipped."""
        self.followers += 1
        self.wanted.set()
        seen = 0
        try:
            while True:
                while self._newest is None or self._published == seen:
                    await self._changed.wait()
                async with self._turn():
                    if self._newest is not None:  # the newest by now
                        seen = self._published
                        yield self._newest
        finally:
            self.followers -= 1
            if not self.followers:
                self.wanted.clear()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """One of the sends at once, given back early when it takes too long."""
        await self._turns.acquire()
        given_back = asyncio.Event()

        def give_back() -> None:
            if not given_back.is_set():
                given_back.set()
                self._turns.release()

        late = asyncio.get_running_loop().call_later(PATIENCE_S, give_back)
        try:
            yield
        finally:
            late.cancel()
            give_back()
