"""The batches of a round of lockstep: drawn ahead of the updates, and yet in one order."""

from collections import deque
from collections.abc import Callable, Iterator

from torch import Tensor

from learner.assembly import Assembly
from learner.round_shards import RoundShards
from learner.shards import Drawn
from learner.share import AnyBatch
from protos import replay_pb2


class RoundBatches:
    """Up to `prefetch_requests` calls are on their way while a batch is learned from.

    Each call carries the priorities that had been returned when it was made. Since one thread asks, takes and returns,
    always at the same points, every shard sees the same calls in every repetition of the round.

    updates_per_round: for which there are batches, once `min_size` steps have been inserted.
    """

    def __init__(
        self,
        shards: RoundShards,
        assembly: Assembly,
        *,
        run: str,
        batches_per_request: int,
        prefetch_requests: int,
        prioritized: bool,
        updates_per_round: int,
        min_size: int,
    ) -> None:
        self._shards = shards
        self._assembly = assembly
        self._request = assembly.request(run, batches_per_request)
        self._prefetch_requests = prefetch_requests
        self._prioritized = prioritized
        self._updates_per_round = updates_per_round
        self._min_size = min_size

    @property
    def updates(self) -> int:
        """For which the round has batches."""
        return self._updates_per_round if self._shards.inserted_steps >= self._min_size else 0

    def __enter__(self) -> "RoundBatches":
        return self

    def __exit__(self, *exception: object) -> None:
        self._shards.close()

    def of_round(self) -> Iterator[AnyBatch]:
        """One for each update. When the last one has been learned from, every priority has been applied."""
        left = self.updates * self._assembly.batch_size
        asked: deque[Callable[[], list[Drawn]]] = deque()
        while left or asked:
            while left and len(asked) <= self._prefetch_requests:
                windows = min(left, self._request.windows)
                asked.append(self._shards.draw(self._asking_for(windows)))
                left -= windows
            yield from self._assembly.batches(asked.popleft()(), self._shards)
        self._shards.flush(self._request)

    def return_priorities(self, batch: AnyBatch, priorities: Tensor) -> None:
        """Send the priorities, float32 [B], of a batch's items along with the next call."""
        if self._prioritized:
            self._shards.update_priorities(batch.source, priorities)

    def _asking_for(self, windows: int) -> replay_pb2.SampleRequest:
        request = replay_pb2.SampleRequest()
        request.CopyFrom(self._request)
        request.windows = windows
        return request
