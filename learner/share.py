"""How a batch is shared among the ranks of a learner, and how a share travels: as bytes, without parsing."""

from dataclasses import dataclass

import torch
from torch import Tensor

from learner.batch import Batch, Source, TransitionWindows
from learner.ranks import Rates
from learner.sequences import SequenceBatch, SequenceWindows
from protos import replay_pb2
from townlet.sample_call import Sampled

ALIGNMENT = 8
"""Every column begins at a multiple of so many bytes, as tensors of any type may."""


@dataclass(frozen=True)
class WholeBatch:
    """B windows that are yet to be shared out. columns: of [B, ...], as the kind of windows reads them.

    importance_weight: float32 [B]. source: the items that these windows start at.
    """

    columns: list[Tensor]
    importance_weight: Tensor
    source: Source


AnyBatch = Batch | SequenceBatch | WholeBatch


def undivided(batch: AnyBatch, rates: Rates) -> Batch | SequenceBatch:
    """The share of a rank that is alone."""
    del rates
    assert not isinstance(batch, WholeBatch), "a whole batch is for several ranks"
    return batch


class ShareCodec:
    """The columns of `rows` windows, and their importance weights, one after the other in a vector of bytes.

    size: of the vector. device: where shares are learned from. Both sides know every type and shape beforehand.
    """

    def __init__(self, windows: TransitionWindows | SequenceWindows, rows: int, device: torch.device) -> None:
        self._device = device
        self._windows = windows
        self._rows = rows
        columns = [*one_window(windows), torch.zeros(1)]
        self._forms = [(column.dtype, tuple(column.shape[1:])) for column in columns]
        self._sizes = [rows * column[0].numel() * column.element_size() for column in columns]
        self._places = [size + -size % ALIGNMENT for size in self._sizes]
        self.size = sum(self._places)

    def encode(self, batch: WholeBatch, rank: int, into: Tensor) -> None:
        """Write a rank's share. into: uint8 [size]."""
        mine = slice(rank * self._rows, (rank + 1) * self._rows)
        columns = [*batch.columns, batch.importance_weight]
        for column, size, place in zip(columns, self._sizes, torch.split(into, self._places), strict=True):
            place[:size] = column[mine].contiguous().flatten().view(torch.uint8)

    def decode(self, share: Tensor, source: Source) -> Batch | SequenceBatch:
        """The inverse. share: uint8 [size], kept on the CPU as what the batch is made of."""
        parts = zip(self._forms, self._sizes, torch.split(share.to(self._device), self._places), strict=True)
        *columns, weight = [part[:size].view(dtype).view(self._rows, *shape) for (dtype, shape), size, part in parts]
        return self._windows.batch(columns, weight, source)


def one_window(windows: TransitionWindows | SequenceWindows) -> list[Tensor]:
    """The columns of one window of zeros."""
    data = bytes(sum(part.steps * part.size for part in windows.request(1).slices))
    response = replay_pb2.SampleResponse(windows=1, real_before=bytes(4), real_after=b"\1\0\0\0", data=data)
    return windows.read(Sampled.of(response), torch.device("cpu"))
