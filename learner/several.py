"""What the ranks of a learner sum up, all of them at once.

The gradients of a network are one vector already (`learner.flat_adam`), so that one sum over all ranks is all that an
update needs; figures and priorities travel at its end. DistributedDataParallel is made for networks whose gradients are
in pieces, and gathers them in buckets, which is no faster here (`bench.ranks`). It sees to nothing but a forward pass,
where a recurrent network is burned in and unrolled, and divides by the number of ranks, where shares of sequences are
to be weighed by their real steps.
"""

import threading
from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor

from learner.meeting import Groups, together
from learner.rank_processes import Place


class Several:
    """See `learner.ranks.Ranks`. stop: that one rank is to stop is told with each sum, and makes all of them stop."""

    def __init__(self, groups: Groups, place: Place, stop: threading.Event) -> None:
        self.place = place
        self._groups = groups
        self._stop = stop

    @torch.no_grad()
    def average(self, gradients: Tensor, figures: Tensor, apart: Tensor, count: int | Tensor) -> tuple[Tensor, Tensor]:
        """See `Ranks`."""
        slots = apart.new_zeros(self.place.ranks, len(apart))
        slots[self.place.rank] = apart
        weight = torch.as_tensor(count, dtype=gradients.dtype, device=gradients.device).reshape(1)
        wish = gradients.new_full((1,), float(self._stop.is_set()))
        parts = [gradients * weight, figures * weight, weight, wish, slots.flatten()]
        sums = torch.cat(parts)
        with together():
            dist.all_reduce(sums, group=self._groups.reductions)
        summed, totals, steps, wishes, whole = torch.split(sums, [len(part) for part in parts])
        torch.div(summed, steps, out=gradients)
        self._heed(wishes)
        return totals / steps, whole.clone()

    def gather(self, values: Tensor) -> Sequence[Tensor]:
        """See `Ranks`."""
        gathered = [torch.empty_like(values) for _ in range(self.place.ranks)]
        with together():
            dist.all_gather(gathered, values, group=self._groups.reductions)
        return gathered

    def beat(self) -> None:
        """Show each other that all are there. Among the hand-outs, like the next two."""
        wishes = torch.full((1,), float(self._stop.is_set()))
        with together():
            dist.all_reduce(wishes, group=self._groups.hand_outs)
        self._heed(wishes)

    def others(self, digest: bytes) -> list[int]:
        """The ranks whose digest is another than the first one's."""
        mine = torch.tensor(list(digest), dtype=torch.uint8)
        gathered = [torch.empty_like(mine) for _ in range(self.place.ranks)]
        with together():
            dist.all_gather(gathered, mine, group=self._groups.hand_outs)
        return [rank for rank, found in enumerate(gathered) if not torch.equal(found, gathered[0])]

    def spread(self, tensors: Sequence[Tensor]) -> None:
        """Make every rank's tensors those of the first one."""
        for tensor in tensors:
            here = tensor.cpu()
            with together():
                dist.broadcast(here, src=0, group=self._groups.hand_outs)
            tensor.copy_(here)

    def _heed(self, wishes: Tensor) -> None:
        if float(wishes) > 0.0:
            self._stop.set()
