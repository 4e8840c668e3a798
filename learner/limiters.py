"""Has every shard hold the ratio of samples to inserts that the run is steered to, whoever has restarted meanwhile."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import grpc.aio
import structlog

from protos import replay_pb2 as pb
from townlet.config import Config
from townlet.rpc import CALL_TIMEOUT_S

if TYPE_CHECKING:
    from protos.replay_pb2_grpc import ReplayServiceAsyncStub  # exists for the type checker only

PERIOD_S = 1.0

log = structlog.get_logger()


class Limiters:
    """Lives on the servers' event loop. config: the configuration as it is steered now."""

    def __init__(self, config: Callable[[], Config], shards: "Sequence[ReplayServiceAsyncStub]") -> None:
        self._config = config
        self._shards = shards

    async def watch(self) -> None:
        """Look, for ever."""
        while True:
            for shard in self._shards:
                await self.look(shard)
            await asyncio.sleep(PERIOD_S)

    async def look(self, shard: "ReplayServiceAsyncStub") -> None:
        """Tell a shard what it shall hold, if that is other than what it holds. One that is away is told later."""
        config = self._config()
        wanted = config.replay.samples_per_insert
        try:
            stats = await shard.Stats(pb.StatsRequest(), timeout=CALL_TIMEOUT_S)
            held = stats.samples_per_insert if stats.HasField("samples_per_insert") else None
            if not stats.HasField("layout") or held == wanted:
                return
            request = pb.SetLimiterRequest(
                run=config.run.name, samples_per_insert=wanted, tolerance=config.tolerance / len(self._shards)
            )
            await shard.SetLimiter(request, timeout=CALL_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            log.info("limiter_not_looked_at", reason=error.details())
