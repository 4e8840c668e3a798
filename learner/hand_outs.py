"""What the first rank of a learner tells the others: one message after the other, in one order, each a vector of bytes.

A message is a header and room for a share of a batch; every rank gets one of its own at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import torch
import torch.distributed as dist
from torch import Tensor

from learner.meeting import Groups, together
from learner.rank_processes import Place
from learner.ranks import Rates

HEADER = 5
"""float64: kind, value, and the three rates."""
HEADER_BYTES = 8 * HEADER


NONE = Rates(0.0)


class Kind(IntEnum):
    """LEARN: from the share. BEAT: we are all here. TAKE_UP: be what the first rank is, after `value` updates.

    COMPARE: are we all the same? LEAVE: the run ends here, as the Ending `value` says.
    """

    LEARN = 0
    BEAT = 1
    TAKE_UP = 2
    COMPARE = 3
    LEAVE = 4


class Ending(IntEnum):
    """How the first rank ends."""

    DONE = 0
    STARTS_OVER = 1
    FAILED = 2


@dataclass(frozen=True)
class Message:
    """rates: of LEARN."""

    kind: Kind
    value: int = 0
    rates: Rates = NONE


class HandOuts:
    """Every rank has the same size of a share."""

    def __init__(self, groups: Groups, place: Place, share_bytes: int) -> None:
        self._groups = groups
        self._ranks = place.ranks
        self._bytes = HEADER_BYTES + share_bytes

    def send(self, message: Message, fill: Callable[[int, Tensor], None] = lambda *_: None) -> Tensor:
        """Called by the first rank: tell everybody. fill: writes a rank's share. Returns this rank's, uint8 [size]."""
        rates = message.rates
        header = [message.kind, message.value, rates.learning, rates.predictor, rates.intrinsic_weight]
        messages = torch.zeros(self._ranks, self._bytes, dtype=torch.uint8)
        messages[:, :HEADER_BYTES] = torch.tensor(header, dtype=torch.float64).view(torch.uint8)
        for rank, each in enumerate(messages):
            fill(rank, each[HEADER_BYTES:])
        return self._scatter(list(messages))[HEADER_BYTES:]

    def receive(self) -> tuple[Message, Tensor]:
        """Called by the others: the next message, waited for, and the share."""
        received = self._scatter(None)
        kind, value, *rates = received[:HEADER_BYTES].view(torch.float64).tolist()
        return Message(Kind(int(kind)), int(value), Rates(*rates)), received[HEADER_BYTES:]

    def _scatter(self, messages: list[Tensor] | None) -> Tensor:
        mine = torch.empty(self._bytes, dtype=torch.uint8)
        with together():
            dist.scatter(mine, messages, src=0, group=self._groups.hand_outs)
        return mine
