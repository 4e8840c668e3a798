"""Feels whether Redis is there, and how long it takes to answer."""

import asyncio
import time

from prometheus_client import CollectorRegistry, Gauge, Histogram

from replay_service.metrics import BUCKETS_S
from replay_service.redis_log import RedisLog
from townlet.errors import TownletError

PERIOD_S = 2.0


class Pulse:
    """Asks on a connection of its own, beside the appends."""

    def __init__(self, redis_log: RedisLog, registry: CollectorRegistry) -> None:
        self._log = redis_log
        self._up = Gauge("townlet_replay_redis_up", "Whether Redis answers: 1 or 0.", registry=registry)
        self._seconds = Histogram(
            "townlet_replay_redis_round_trip_seconds",
            "From a PING to its answer.",
            buckets=BUCKETS_S,
            registry=registry,
        )

    async def watch(self) -> None:
        """Ask, for ever."""
        while True:
            await self.feel()
            await asyncio.sleep(PERIOD_S)

    async def feel(self) -> None:
        """Ask once."""
        began = time.perf_counter()
        try:
            await self._log.ping()
        except TownletError:  # whoever writes tells what is wrong
            self._up.set(0)
        else:
            self._up.set(1)
            self._seconds.observe(time.perf_counter() - began)
