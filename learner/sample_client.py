"""Draws batches ahead of the learner, and takes priorities back to the shards they came from."""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from learner.batch import Batch, Source, TransitionWindows
from learner.sequences import SequenceBatch, SequenceWindows
from learner.shards import Drawn, Shards
from townlet.errors import ConfigError
from townlet.rpc import FIRST_RETRY_S, SAMPLE_LIMIT_BYTES
from townlet.td import importance_weights
from townlet.worker import Worker

POLL_S = 0.1

AnyBatch = Batch | SequenceBatch


@dataclass(frozen=True)
class _Windows:
    """W windows. columns: of [W, ...], as the kind of windows reads them. keys, shards, probabilities: [W]."""

    columns: list[Tensor]
    keys: NDArray[np.uint64]
    shards: NDArray[np.int64]
    probabilities: NDArray[np.float64]

    def rows(self, rows: slice | NDArray[np.int64]) -> "_Windows":
        """Some of them."""
        of_columns = rows if isinstance(rows, slice) else torch.from_numpy(rows).to(self.columns[0].device)
        columns = [column[of_columns] for column in self.columns]
        return _Windows(columns, self.keys[rows], self.shards[rows], self.probabilities[rows])

    def and_then(self, others: "_Windows") -> "_Windows":
        """These, then the others."""
        return _Windows(
            [torch.cat(columns) for columns in zip(self.columns, others.columns, strict=True)],
            np.concatenate([self.keys, others.keys]),
            np.concatenate([self.shards, others.shards]),
            np.concatenate([self.probabilities, others.probabilities]),
        )


class SampleClient:
    """Prefetches: a request draws `batches_per_request` batches, and `prefetch_requests` of them wait to be used.

    Windows so long that a batch of them does not fit in a message are drawn in several requests.
    request: what is asked for each time, over all shards. Raises ConfigError when not even one window fits.
    """

    def __init__(
        self,
        shards: Shards,
        windows: TransitionWindows | SequenceWindows,
        *,
        run: str,
        batch_size: int,
        batches_per_request: int,
        prefetch_requests: int,
        prioritized: bool,
        importance_exponent: float,
        device: torch.device,
        generator: np.random.Generator,
        stop: threading.Event,
    ) -> None:
        self._shards = shards
        self._windows = windows
        self.request = windows.request(_windows_per_request(windows, batch_size, batches_per_request))
        self.request.run = run
        self._batch_size = batch_size
        self._left: _Windows | None = None
        self._prioritized = prioritized
        self._importance_exponent = importance_exponent
        self._device = device
        self._generator = generator
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

    def next(self, meanwhile: Callable[[], None] = lambda: None) -> AnyBatch | None:
        """The next batch, waited for; None when the process stops. meanwhile: called while there is none."""
        while not self._current:
            try:
                self._current = self._ready.get(timeout=POLL_S)
            except queue.Empty:
                if self._stop.is_set():
                    return None
                meanwhile()
        return self._current.pop(0)

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
                self._put(self._assemble(drawn))
            else:
                self._stop.wait(FIRST_RETRY_S)

    def _ask(self) -> Callable[[], list[Drawn]]:
        self._take_priorities()
        return self._shards.draw(self.request)

    def _take_priorities(self) -> None:
        while not self._returned.empty():
            source, priorities = self._returned.get()
            for shard in np.unique(source.shards):
                mine = source.shards == shard
                self._shards.update_priorities(int(shard), source.keys[mine], priorities.numpy()[mine])

    def _assemble(self, drawn: list[Drawn]) -> list[AnyBatch]:
        """As many batches as all shards' windows fill, together with those that were left over before."""
        drawn_now = self._mix(drawn)
        ready = drawn_now if self._left is None else self._left.and_then(drawn_now)
        count, size = len(ready.keys), self._batch_size
        full = count - count % size
        self._left = ready.rows(slice(full, count)) if full < count else None
        items = sum(self._shards.items)
        return [self._batch(ready.rows(slice(at, at + size)), items) for at in range(0, full, size)]

    def _batch(self, drawn: "_Windows", items: int) -> AnyBatch:
        weights = importance_weights(torch.from_numpy(drawn.probabilities), items, exponent=self._importance_exponent)
        return self._windows.batch(drawn.columns, weights.to(self._device), Source(drawn.keys, drawn.shards))

    def _mix(self, drawn: list[Drawn]) -> "_Windows":
        """All shards' windows in random order, so that no batch comes from one shard alone."""
        parts = [self._windows.read(each.response, self._device) for each in drawn]
        columns = [torch.cat(column) if len(drawn) > 1 else column[0] for column in zip(*parts, strict=True)]
        keys = np.concatenate([np.frombuffer(each.response.keys, "<u8") for each in drawn])
        shards = np.repeat([each.shard for each in drawn], [each.response.windows for each in drawn])
        probabilities = np.concatenate(
            [each.share * np.frombuffer(each.response.probabilities, "<f8") for each in drawn]
        )
        mixed = _Windows(columns, keys, shards, probabilities)
        return mixed if len(drawn) == 1 else mixed.rows(self._generator.permutation(len(keys)))

    def _put(self, batches: list[AnyBatch]) -> None:
        while batches and not self._stop.is_set():
            try:
                self._ready.put(batches, timeout=POLL_S)
                return
            except queue.Full:
                continue


def _windows_per_request(windows: TransitionWindows | SequenceWindows, batch_size: int, batches: int) -> int:
    """Whole batches as far as they fit in a message, else as many windows as do."""
    window_bytes = sum(part.steps * part.size for part in windows.request(1).slices)
    fit = SAMPLE_LIMIT_BYTES // window_bytes
    if fit == 0:
        raise ConfigError(
            f"learner.sequence: expected windows of at most {SAMPLE_LIMIT_BYTES} bytes, found {window_bytes}; shorten "
            "burn_in or unroll"
        )
    return min(batches, fit // batch_size) * batch_size or fit
