"""From what the shards answer to batches."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from learner.batch import Source, TransitionWindows
from learner.sequences import SequenceWindows
from learner.shards import Drawn, Shards
from learner.share import AnyBatch, WholeBatch
from protos import replay_pb2
from townlet.errors import ConfigError
from townlet.rpc import SAMPLE_LIMIT_BYTES
from townlet.td import importance_weights


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

    def parted(self, at: int) -> tuple["_Windows", "_Windows | None"]:
        """The first `at`, and the rest, if there is any."""
        if at == len(self.keys):
            return self, None
        return self.rows(slice(at)), self.rows(slice(at, None))

    def and_then(self, others: "_Windows") -> "_Windows":
        """These, then the others."""
        return _Windows(
            [torch.cat(columns) for columns in zip(self.columns, others.columns, strict=True)],
            np.concatenate([self.keys, others.keys]),
            np.concatenate([self.shards, others.shards]),
            np.concatenate([self.probabilities, others.probabilities]),
        )


class Assembly:
    """Mixes what was drawn from all shards, and cuts it into batches. Windows that fill none wait for the next ones.

    generator: mixes. batch_size: windows in a batch. importance_exponent: of their weights.
    shared: batches are whole ones, to be shared out among ranks.
    """

    def __init__(
        self,
        windows: TransitionWindows | SequenceWindows,
        batch_size: int,
        importance_exponent: float,
        device: torch.device,
        generator: np.random.Generator,
        *,
        shared: bool = False,
    ) -> None:
        self.batch_size = batch_size
        self._windows = windows
        self._importance_exponent = importance_exponent
        self._device = device
        self._generator = generator
        self._shared = shared
        self._left: _Windows | None = None

    def request(self, run: str, batches: int) -> replay_pb2.SampleRequest:
        """What is asked for each time, over all shards: so many batches as far as they fit in a message.

        Raises ConfigError when not even one window fits.
        """
        request = self._windows.request(_windows_per_request(self._windows, self.batch_size, batches))
        request.run = run
        return request

    def batches(self, drawn: list[Drawn], shards: Shards) -> list[AnyBatch]:
        """As many batches as all shards' windows fill, together with those that were left over before."""
        drawn_now = self._mix(drawn)
        ready = drawn_now if self._left is None else self._left.and_then(drawn_now)
        count = len(ready.keys) // self.batch_size
        full, self._left = ready.parted(count * self.batch_size)
        return self._cut(full, count, sum(shards.items))

    def _cut(self, drawn: _Windows, count: int, items: int) -> list[AnyBatch]:
        """Windows that fill `count` batches. All at once, for what is done for each batch is done often."""
        cut = (count, self.batch_size)
        probabilities = torch.from_numpy(drawn.probabilities).view(cut)
        weights = importance_weights(probabilities, items, exponent=self._importance_exponent).to(self._device)
        columns = zip(*(column.view(cut + column.shape[1:]).unbind() for column in drawn.columns), strict=True)
        sources = map(Source, drawn.keys.reshape(cut), drawn.shards.reshape(cut))
        make = WholeBatch if self._shared else self._windows.batch
        return [make(*parts) for parts in zip(map(list, columns), weights.unbind(), sources, strict=True)]

    def _mix(self, drawn: list[Drawn]) -> _Windows:
        """All shards' windows in random order, so that no batch comes from one shard alone."""
        parts = [self._windows.read(each.sampled, self._device) for each in drawn]
        columns = [torch.cat(column) if len(drawn) > 1 else column[0] for column in zip(*parts, strict=True)]
        keys = np.concatenate([np.frombuffer(each.sampled.rest.keys, "<u8") for each in drawn])
        shards = np.repeat([each.shard for each in drawn], [each.sampled.rest.windows for each in drawn])
        probabilities = np.concatenate(
            [each.share * np.frombuffer(each.sampled.rest.probabilities, "<f8") for each in drawn]
        )
        mixed = _Windows(columns, keys, shards, probabilities)
        return mixed if len(drawn) == 1 else mixed.rows(self._generator.permutation(len(keys)))


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
