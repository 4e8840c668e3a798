"""Lets the servers' thread have the training stand still between two updates: for a version, or until it may resume."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future

from townlet.checkpoint.state import State

POLL_S = 0.1


class Pause:
    """Shared by the main thread, which trains, and the event loop, which asks. One who asks at a time.

    stop: nobody is kept any longer once it is set. paused: whether the training stands still until `resume`.
    """

    def __init__(self, stop: threading.Event | None = None) -> None:
        self.paused = False
        self._stop = stop or threading.Event()
        self._asked: Future[State] | None = None
        self._changed = threading.Event()
        self._go_on = threading.Event()

    def pause(self) -> None:
        """Make no further update until `resume`; versions can be made meanwhile."""
        self.paused = True

    def resume(self) -> None:
        """Train again; harmless when it does."""
        self.paused = False
        self._changed.set()

    async def stand_still(self) -> State:
        """The learner's state between two updates. No update is made from then on, until `go_on`."""
        self._go_on.clear()
        self._asked = Future()
        self._changed.set()
        return await asyncio.wrap_future(self._asked)

    def go_on(self) -> None:
        """Train again; harmless when nobody stands still."""
        self._asked = None
        self._go_on.set()

    def between_updates(self, capture: Callable[[], State]) -> None:
        """Called by the main thread wherever it may stand still: does so when it was asked to."""
        self._answer(capture)
        while self.paused and not self._stop.is_set():
            self._changed.wait(POLL_S)
            self._changed.clear()
            self._answer(capture)

    def stay(self, goes_on: Callable[[], bool]) -> None:
        """Called by the main thread where nothing can be captured: while it is paused, and until `goes_on` says so."""
        while self.paused and not self._stop.is_set() and not goes_on():
            self._changed.wait(POLL_S)
            self._changed.clear()

    def _answer(self, capture: Callable[[], State]) -> None:
        asked = self._asked
        if asked is None or not asked.set_running_or_notify_cancel():
            return
        try:
            asked.set_result(capture())
        except BaseException as error:
            asked.set_exception(error)
        self._go_on.wait()
