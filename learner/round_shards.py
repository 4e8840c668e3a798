"""The learner's calls to the shards in lockstep: each in its turn, and none is passed over."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from learner.shards import Drawn, Shards
from protos import replay_pb2, replay_pb2_grpc
from townlet.errors import StartOverError, UnavailableError
from townlet.rpc import CALL_TIMEOUT_S, WAIT_S, start_call
from townlet.sample_call import Sampled
from townlet.security_settings import TlsSettings


class RoundShards(Shards):
    """Every method raises StartOverError when a shard is away, or has restarted since the round began.

    inserted_steps: since the run began, up to the last round that was committed.
    """

    def __init__(self, addresses: tuple[str, ...], generator: np.random.Generator, tls: TlsSettings | None) -> None:
        super().__init__(addresses, generator, tls)
        self.inserted_steps = 0
        self._stubs = [replay_pb2_grpc.ReplayServiceStub(channel) for channel in self._channels]
        self._turns = [0] * len(addresses)

    def commit(self, run: str, round: int, pushed: Sequence[Sequence[replay_pb2.Pushed]]) -> None:
        """Make a round visible everywhere. pushed: for each shard, what its actors have pushed, in their order."""
        left = dict(enumerate(pushed))
        inserted = 0
        while left:
            answers = {shard: self._commit(run, round, shard, of_shard) for shard, of_shard in left.items()}
            for shard, answer in answers.items():
                with _in_step():
                    response = answer()
                if response.committed:
                    self._weights[shard], self.items[shard] = response.total_weight, response.items
                    inserted += response.inserted_steps
                    del left[shard]
        self.inserted_steps = inserted
        self._turns = [0] * len(self._turns)

    def draw(self, request: replay_pb2.SampleRequest) -> Callable[[], list[Drawn]]:
        """Ask for request.windows windows over all shards. What is returned waits for the answers."""
        shares = self._shares()
        counts = self._generator.multinomial(request.windows, shares)
        answers = [(shard, self._ask(shard, request, int(count))) for shard, count in enumerate(counts) if count]
        return lambda: [Drawn(shard, float(shares[shard]), self._take(shard, answer)) for shard, answer in answers]

    def flush(self, request: replay_pb2.SampleRequest) -> None:
        """Have the priorities that no request has carried yet applied."""
        answers = [(shard, self._ask(shard, request, 0)) for shard, updates in enumerate(self._updates) if updates]
        for shard, answer in answers:
            self._take(shard, answer)

    def _ask(self, shard: int, request: replay_pb2.SampleRequest, windows: int) -> Callable[[], Sampled]:
        self._turns[shard] += 1
        mine = replay_pb2.SampleRequest(turn=self._turns[shard])
        mine.MergeFrom(request)
        return super()._ask(shard, mine, windows)

    def _take(self, shard: int, answer: Callable[[], Sampled]) -> Sampled:
        with _in_step():
            sampled = answer()
        self._weights[shard], self.items[shard] = sampled.rest.total_weight, sampled.rest.items
        return sampled

    def _commit(
        self, run: str, round: int, shard: int, pushed: Sequence[replay_pb2.Pushed]
    ) -> Callable[[], replay_pb2.CommitRoundResponse]:
        request = replay_pb2.CommitRoundRequest(run=run, round=round, pushed=pushed, wait_ms=int(1e3 * WAIT_S))
        stub, peer = self._stubs[shard], self._peers[shard]
        return start_call(stub.CommitRound, request, peer=peer, timeout_s=WAIT_S + CALL_TIMEOUT_S)


@contextmanager
def _in_step() -> Iterator[None]:
    """A shard that is not there is out of step."""
    try:
        yield
    except UnavailableError as error:
        raise StartOverError(str(error)) from None
