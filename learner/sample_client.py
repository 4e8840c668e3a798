"""Draws batches ahead of the learner, and takes priorities back to the shards they came from."""

import queue
import threading
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from learner.batch import Batch, Source, TransitionWindows
from learner.sequences import SequenceBatch, SequenceWindows
from learner.shards import Drawn, Shards
from townlet.rpc import FIRST_RETRY_S
from townlet.td import importance_weights
from townlet.worker import Worker

POLL_S = 0.1

AnyBatch = Batch | SequenceBatch


class SampleClient:
    """Prefetches: a request draws `batches_per_request` batches, and `prefetch_requests` of them wait to be used.

    request: what is asked for each time, over all shards.
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
        self.request = windows.request(batch_size * batches_per_request)
        self.request.run = run
        self._batches_per_request = batches_per_request
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

    def next(self) -> AnyBatch | None:
        """The next batch, waited for; None when the process stops."""
        while not self._current:
            try:
                self._current = self._ready.get(timeout=POLL_S)
            except queue.Empty:
                if self._stop.is_set():
                    return None
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
        """All shards' windows, mixed, as equal batches; what does not fill one is left out."""
        parts = [self._windows.read(each.response, self._device) for each in drawn]
        columns = [torch.cat(column) if len(drawn) > 1 else column[0] for column in zip(*parts, strict=True)]
        keys = np.concatenate([np.frombuffer(each.response.keys, "<u8") for each in drawn])
        shards = np.repeat([each.shard for each in drawn], [each.response.windows for each in drawn])
        probabilities = np.concatenate(
            [each.share * np.frombuffer(each.response.probabilities, "<f8") for each in drawn]
        )
        if len(drawn) > 1:
            order = self._generator.permutation(len(keys))
            columns = [column[torch.from_numpy(order).to(self._device)] for column in columns]
            keys, shards, probabilities = keys[order], shards[order], probabilities[order]
        items = sum(self._shards.items)
        return [
            self._windows.batch(
                [column[rows] for column in columns],
                self._weights(probabilities[rows], items),
                Source(keys[rows], shards[rows]),
            )
            for rows in self._rows(len(keys))
        ]

    def _rows(self, windows: int) -> list[slice]:
        size = self.request.windows // self._batches_per_request
        return [slice(at, at + size) for at in range(0, windows - size + 1, size)]

    def _weights(self, probabilities: NDArray[np.float64], items: int) -> Tensor:
        weights = importance_weights(torch.from_numpy(probabilities), items, exponent=self._importance_exponent)
        return weights.to(self._device)

    def _put(self, batches: list[AnyBatch]) -> None:
        while not self._stop.is_set():
            try:
                self._ready.put(batches, timeout=POLL_S)
                return
            except queue.Full:
                continue
