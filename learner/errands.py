"""Work that was asked for by a call and outlives it: its caller is told how it goes, and may go away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

from townlet.errors import RefusedError

Event = TypeVar("Event")


MOST_ERRANDS = 64


class Errands:
    """Lives on the servers' event loop. What still runs ends with `end`. Raises RefusedError for one too many."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    async def run(self, work: Callable[[Callable[[Event], None]], Awaitable[object]]) -> AsyncIterator[Event]:
        """What `work` tells, as it does, until it ends. Raises what it raises. It may tell from any thread."""
        if len(self._running) >= MOST_ERRANDS:
            raise RefusedError(
                f"expected at most {MOST_ERRANDS} pieces of work at once, found as many; try again later"
            )
        loop = asyncio.get_running_loop()
        told: asyncio.Queue[Event | None] = asyncio.Queue()

        def tell(event: Event) -> None:
            loop.call_soon_threadsafe(told.put_nowait, event)

        async def errand() -> None:
            await work(tell)

        task = asyncio.create_task(errand())
        self._running.add(task)
        task.add_done_callback(self._note_end)
        task.add_done_callback(lambda _: told.put_nowait(None))
        while (event := await told.get()) is not None:
            yield event
        await task

    async def end(self) -> None:
        """Give up what still runs."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _note_end(self, task: "asyncio.Task[Any]") -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that nobody complains when its caller has gone away
