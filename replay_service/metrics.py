"""What a shard shows of itself. Every metric is explained in docs/metrics.md."""

import asyncio
import time
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import Metric

from protos import replay_pb2 as pb
from replay_service.ages import Ages
from replay_service.table import Sample, Table
from townlet.metrics.readings import Readings, counter, counters, gauge, gauges

BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
AGES_S = (1.0, 2.0, 5.0, 10.0, 20.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14400.0, 86400.0)
AGES_RECORDS = tuple(scale * 10.0**exponent for exponent in range(2, 8) for scale in (1, 2, 5))


class ReplayMetrics:
    """Around what a shard does."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._ages = Ages()
        self._append_s = Histogram(
            "townlet_replay_append_seconds",
            "From when the limiter let the last episode of a request through until it was durable.",
            buckets=BUCKETS_S,
            registry=registry,
        )
        self._sample_s = Histogram(
            "townlet_replay_sample_seconds",
            "What drawing and gathering the windows of one request took.",
            buckets=BUCKETS_S,
            registry=registry,
        )
        self._age_s = Histogram(
            "townlet_replay_sampled_age_seconds",
            "Seconds since a sampled window had been inserted.",
            buckets=AGES_S,
            registry=registry,
        )
        self._age_records = Histogram(
            "townlet_replay_sampled_age_records",
            "Records inserted after a sampled window.",
            buckets=AGES_RECORDS,
            registry=registry,
        )

    def show(self, stats: Callable[[], pb.StatsResponse]) -> None:
        """Show how the shard stands, too. stats: asked when somebody looks."""
        self._registry.register(Readings(lambda: _readings(stats())))

    def appending(self, stored: "asyncio.Future[int]") -> None:
        """The last append of a request has just begun. stored: it is durable."""
        began = time.perf_counter()

        def note(done: "asyncio.Future[int]") -> None:
            if not done.cancelled() and done.exception() is None:
                self._append_s.observe(time.perf_counter() - began)

        stored.add_done_callback(note)

    def sampling(self, table: Table, draw: Callable[[], Sample]) -> Sample:
        """What is drawn from a table."""
        with self._sample_s.time():
            sample = draw()
        now_s, head = time.monotonic(), table.head
        self._ages.look(table.tail, head, now_s)
        position = int(sample.keys[0])  # windows are drawn independently: one stands for all
        self._age_records.observe(head - position)
        self._age_s.observe(self._ages.age_s(position, now_s))
        return sample


def _readings(stats: pb.StatsResponse) -> Iterable[Metric]:
    yield gauge("townlet_replay_records", "Records held.", stats.records)
    yield gauge("townlet_replay_capacity_records", "Records that fit.", stats.capacity)
    yield gauge("townlet_replay_episodes", "Episodes held.", stats.episodes)
    yield counter("townlet_replay_inserted_steps_total", "Steps inserted since the run began.", stats.inserted_steps)
    yield counter(
        "townlet_replay_appended_episodes_total", "Episodes appended since the run began.", stats.appended_episodes
    )
    yield counter("townlet_replay_sampled_windows_total", "Windows sampled since the run began.", stats.sampled_windows)
    yield counters(
        "townlet_replay_limiter_wait_seconds_total",
        "Seconds that calls have spent in line for the limiter, by the side that waits.",
        "side",
        {"insert": stats.append_wait_s, "sample": stats.sample_wait_s},
    )
    yield gauges(
        "townlet_replay_limiter_waiting",
        "Calls in line for the limiter now, by the side that waits.",
        "side",
        {"insert": stats.waiting_appends, "sample": stats.waiting_samples},
    )
