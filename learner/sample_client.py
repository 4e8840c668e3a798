"""Draws batches ahead of the learner, and takes priorities back to the shards they came from."""

import queue
import threading
import time
from collections.abc import Callable

from torch import Tensor

from learner.assembly import Assembly
from learner.batch import Source
from learner.shards import Drawn, Shards
from learner.share import AnyBatch
from townlet.rpc import FIRST_RETRY_S
from townlet.worker import Worker

POLL_S = 0.1


class SampleClient:
    """Prefetches: a request draws `batches_per_request` batches, and `prefetch_requests` of them wait to be used.

    Windows so long that a batch of them does not fit in a message are drawn in several requests.
    request: what is asked for each time, over all shards. Raises ConfigError when not even one window fits.
    waited_s: seconds in which `next` had none.
    """

    def __init__(
        self,
        shards: Shards,
        assembly: Assembly,
        *,
        run: str,
        batches_per_request: int,
        prefetch_requests: int,
        prioritized: bool,
        stop: threading.Event,
    ) -> None:
        self.waited_s = 0.0
        self._shards = shards
        self._assembly = assembly
        self.request = assembly.request(run, batches_per_request)
        self._prioritized = prioritized
        self._stop = stop
        self._ready: queue.Queue[list[AnyBatch]] = queue.Queue(prefetch_requests)
        self._current: list[AnyBatch] = []
        self._returned: queue.SimpleQueue[tuple[Source, Tensor]] = queue.SimpleQueue()
        self._worker = Worker("sample", self._prefetch, stop)

    def __enter__(self) -> "SampleClient":
        self._worker.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._worker.__exit__(*exception)  # type: ignore[arg-type]  # the interpreter's three
        self._shards.close()

    @property
    def ready(self) -> int:
        """Answered requests whose batches wait to be used."""
        return self._ready.qsize()

    def next(self, meanwhile: Callable[[], None] = lambda: None) -> AnyBatch | None:
        """The next batch, waited for; None when the process stops. meanwhile: called while there is none."""
        while not self._current:
            try:
                self._current = self._take()
            except queue.Empty:
                if self._stop.is_set():
                    return None
                meanwhile()
        return self._current.pop(0)

    def _take(self) -> list[AnyBatch]:
        """The batches of one request, waited for a moment. Raises queue.Empty."""
        began_s = time.monotonic()
        try:
            return self._ready.get(timeout=POLL_S)
        finally:
            self.waited_s += time.monotonic() - began_s

    def return_priorities(self, batch: AnyBatch, priorities: Tensor) -> None:
        """Send the priorities, float32 [B], of a batch's items along with a later request."""
        if self._prioritized:
            self._returned.put((batch.source, priorities))

    def _prefetch(self) -> None:
        asked = self._ask()
        while not self._stop.is_set():
            drawn = asked()
            asked = self._ask()  # before these are unpacked, so that the shards gather the next ones meanwhile
            if drawn:
                self._put(self._assembly.batches(drawn, self._shards))
            else:
                self._stop.wait(FIRST_RETRY_S)

    def _ask(self) -> Callable[[], list[Drawn]]:
        while not self._returned.empty():
            self._shards.update_priorities(*self._returned.get())
        return self._shards.draw(self.request)

    def _put(self, batches: list[AnyBatch]) -> None:
        while batches and not self._stop.is_set():
            try:
                self._ready.put(batches, timeout=POLL_S)
                return
            except queue.Full:
                continue
