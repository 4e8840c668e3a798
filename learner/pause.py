"""Lets the servers' thread have the training stand still between two updates."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future

from townlet.checkpoint.state import State


class Pause:
    """Shared by the main thread, which trains, and the event loop, which asks. One who asks at a time."""

    def __init__(self) -> None:
        self._asked: Future[State] | None = None
        self._go_on = threading.Event()

    async def stand_still(self) -> State:
        """The learner's state between two updates. No update is made from then on, until `go_on`."""
        self._go_on.clear()
        self._asked = Future()
        return await asyncio.wrap_future(self._asked)

    def go_on(self) -> None:
        """Train again; harmless when nobody stands still."""
        self._asked = None
        self._go_on.set()

    def between_updates(self, capture: Callable[[], State]) -> None:
        """Called by the main thread wherever it may stand still: does so when it was asked to."""
        asked = self._asked
        if asked is None or not asked.set_running_or_notify_cancel():
            return
        try:
            asked.set_result(capture())
        except BaseException as error:
            asked.set_exception(error)
        self._go_on.wait()
