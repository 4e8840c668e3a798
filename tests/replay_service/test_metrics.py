"""What a shard measures as it goes."""

import asyncio

import numpy as np
from prometheus_client import CollectorRegistry

from replay_service.arena import Arena, Slice
from replay_service.metrics import ReplayMetrics
from replay_service.rate_limiter import RateLimiter
from replay_service.sampler.uniform import UniformSampler
from replay_service.table import Table
from townlet.errors import UnavailableError


def small_table() -> Table:
    generator = np.random.Generator(np.random.Philox(1))
    return Table(Arena(64, 1), UniformSampler(64), RateLimiter(None, 1, 1.0), generator)


def test_a_sample_is_timed_and_its_age_is_counted_in_records():
    registry, table = CollectorRegistry(), small_table()
    metrics = ReplayMetrics(registry)
    table.insert(0, bytes(2))  # one item, which every window starts at
    for order in range(1, 4):
        sample = metrics.sampling(table, lambda: table.sample(32, 0, 1, [Slice(0, 1, 0, 1)]))
        assert len(sample.keys) == 32
        assert registry.get_sample_value("townlet_replay_sample_seconds_count") == order
    assert registry.get_sample_value("townlet_replay_sampled_age_records_count") == 3
    assert registry.get_sample_value("townlet_replay_sampled_age_records_sum") == 6
    assert registry.get_sample_value("townlet_replay_sampled_age_seconds_count") == 3


def test_an_append_is_timed_once_it_is_durable_and_not_when_it_fails():
    registry = CollectorRegistry()
    metrics = ReplayMetrics(registry)

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        stored, failed, gone = (loop.create_future() for _ in range(3))
        for future in (stored, failed, gone):
            metrics.appending(future)
        stored.set_result(1)
        failed.set_exception(UnavailableError("away"))
        gone.cancel()
        await asyncio.gather(stored, failed, gone, return_exceptions=True)
        await asyncio.sleep(0)

    asyncio.run(scenario())
    assert registry.get_sample_value("townlet_replay_append_seconds_count") == 1
