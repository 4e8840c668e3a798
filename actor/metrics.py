"""What an actor shows of itself. Every metric is explained in docs/metrics.md."""

from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import Metric

from actor.append_client import AppendClient
from actor.reporter import Reporter
from townlet.metrics.readings import counter, gauge

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


def append_histogram(registry: CollectorRegistry) -> Histogram:
    """For an `AppendClient`: told what each group of episodes took."""
    return Histogram(
        "townlet_actor_append_seconds",
        "From when a group of episodes was sent until it was acknowledged, all waiting and repeating included.",
        buckets=BUCKETS_S,
        registry=registry,
    )


@dataclass(frozen=True)
class ActorReadings:
    """How an actor stands. replay: None of the evaluator, which pushes nothing."""

    reporter: Reporter
    replay: AppendClient | None = None

    def read(self) -> Iterable[Metric]:
        """All of it."""
        reporter = self.reporter
        yield counter(
            "townlet_actor_environment_steps_total", "Steps of all lanes of this process.", reporter.environment_steps
        )
        yield counter("townlet_actor_episodes_total", "Episodes finished by it.", reporter.finished_episodes)
        yield counter(
            "townlet_actor_dropped_episodes_total",
            "Episodes abandoned by it, because their environment failed.",
            reporter.dropped_episodes,
        )
        yield gauge(
            "townlet_actor_policy_version", "The policy that it acts with; 0 before the first.", reporter.policy_version
        )
        if self.replay is not None:
            yield gauge(
                "townlet_actor_pending_bytes",
                "Episodes handed over that are not acknowledged yet.",
                self.replay.pending_bytes,
            )
            yield counter(
                "townlet_actor_append_wait_seconds_total",
                "Seconds in which it made no step, since too much was pending.",
                self.replay.waited_s,
            )
