"""A thread that may not die unnoticed."""

import threading
from collections.abc import Callable

from townlet.errors import UnavailableError


class Worker:
    """Runs `work` in a thread until the process's stop event is set. When it ends, however it ends, the event is set.

    Use as a context manager: leaving it sets the event, waits for the thread, and raises what the thread raised, even
    in place of an UnavailableError: who waits for something gives up with one once the event is set.
    """

    def __init__(self, name: str, work: Callable[[], None], stop: threading.Event) -> None:
        self._work = work
        self._stop = stop
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name)

    def __enter__(self) -> "Worker":
        self._thread.start()
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._error is not None and (error is None or isinstance(error, UnavailableError)):
            raise self._error

    def _run(self) -> None:
        try:
            self._work()
        except UnavailableError as error:
            if not self._stop.is_set():  # on the way out, a peer that is gone already is no news
                self._error = error
        except BaseException as error:
            self._error = error
        self._stop.set()
