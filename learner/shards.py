"""The learner's view of all replay shards: one draw from all of them, with right global probabilities."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import structlog
from numpy.typing import NDArray
from torch import Tensor

from learner.batch import Source
from protos import replay_pb2
from townlet.errors import UnavailableError
from townlet.rpc import CALL_TIMEOUT_S, WAIT_S, open_channel, start_call
from townlet.sample_call import Sampled, sample_method
from townlet.security_settings import TlsSettings
from townlet.tracing import begin

log = structlog.get_logger()


@dataclass(frozen=True)
class Drawn:
    """What one shard answered. share: the probability with which a draw went to this shard."""

    shard: int
    share: float
    sampled: Sampled


class Shards:
    """Calls to every shard. A draw picks the shard by its total weight, then the shard picks the item.

    So an item's global probability is share * its probability within the shard, whatever the shards hold.
    """

    def __init__(self, addresses: tuple[str, ...], generator: np.random.Generator, tls: TlsSettings | None) -> None:
        self.items = [0] * len(addresses)
        self._generator = generator
        self._peers = [f"replay service at {address}" for address in addresses]
        self._channels = [open_channel(address, tls) for address in addresses]
        self._methods = [sample_method(channel) for channel in self._channels]
        self._weights = np.ones(len(addresses))
        self._updates: list[list[tuple[NDArray[np.uint64], NDArray[np.float32]]]] = [[] for _ in addresses]

    def close(self) -> None:
        """Give the connections back."""
        for channel in self._channels:
            channel.close()

    def update_priorities(self, source: Source, priorities: Tensor) -> None:
        """Send the priorities, float32 [B], of a batch's items along with the next request to each shard."""
        for shard in np.unique(source.shards):
            mine = source.shards == shard
            self._updates[shard].append((source.keys[mine], priorities.numpy()[mine]))

    def draw(self, request: replay_pb2.SampleRequest) -> Callable[[], list[Drawn]]:
        """Ask for request.windows windows over all shards. What is returned waits for the answers.

        Fewer windows come, or none, where shards hold back or are away.
        """
        shares = self._shares()
        counts = self._generator.multinomial(request.windows, shares)
        sample = begin("sample", windows=request.windows)
        with sample.within():
            # A shard from which nothing is drawn is asked all the same, for no windows: its weight may have changed.
            answers = [(shard, self._ask(shard, request, int(count))) for shard, count in enumerate(counts)]

        def drawn() -> list[Drawn]:
            received = [(shard, self._receive(shard, answer)) for shard, answer in answers]
            sample.end()
            return [Drawn(shard, float(shares[shard]), answer) for shard, answer in received if answer is not None]

        return drawn

    def _receive(self, shard: int, answer: Callable[[], Sampled]) -> Sampled | None:
        """The shard's answer, if it has windows; what it says of its weight is remembered."""
        try:
            sampled = answer()
        except UnavailableError as error:
            self._weights[shard], self.items[shard] = 0.0, 0
            log.warning("shard_away", shard=shard, reason=str(error))
            return None
        rest = sampled.rest
        self._weights[shard], self.items[shard] = rest.total_weight, rest.items
        if rest.blocked_by:
            log.info("sample_waits", shard=shard, reason=rest.blocked_by)
        return sampled if rest.windows else None

    def _shares(self) -> NDArray[np.float64]:
        """The probability with which a draw goes to each shard; equal ones while none is known to hold anything."""
        total = self._weights.sum()
        return self._weights / total if total > 0.0 else np.full(len(self._weights), 1.0 / len(self._weights))

    def _ask(self, shard: int, request: replay_pb2.SampleRequest, windows: int) -> Callable[[], Sampled]:
        mine = replay_pb2.SampleRequest()
        mine.CopyFrom(request)
        mine.windows = windows
        mine.wait_ms = int(1e3 * WAIT_S)
        if updates := self._updates[shard]:
            self._updates[shard] = []
            keys, priorities = (np.concatenate(column) for column in zip(*updates, strict=True))
            mine.priorities.keys = keys.astype("<u8").tobytes()
            mine.priorities.priorities = priorities.astype("<f4").tobytes()
        return start_call(self._methods[shard], mine, peer=self._peers[shard], timeout_s=WAIT_S + CALL_TIMEOUT_S)
