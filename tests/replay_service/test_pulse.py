"""Whether Redis is there."""

import asyncio

from prometheus_client import CollectorRegistry

from replay_service.pulse import Pulse
from replay_service.redis_access import RedisAccess
from replay_service.redis_log import RedisLog


def test_the_pulse_follows_the_server(redis_server):
    registry = CollectorRegistry()

    async def scenario() -> list[float | None]:
        async with RedisLog(RedisAccess(redis_server.url), "r", 0, True, 1.0) as log:
            pulse, felt = Pulse(log, registry), []
            for change in (lambda: None, redis_server.kill, redis_server.start):
                await asyncio.to_thread(change)
                await pulse.feel()
                felt.append(registry.get_sample_value("townlet_replay_redis_up"))
            return felt

    assert asyncio.run(scenario()) == [1, 0, 1]
    assert registry.get_sample_value("townlet_replay_redis_round_trip_seconds_count") == 2
