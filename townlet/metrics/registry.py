"""A process's metrics, to begin with: who it is, on which version it stands, what it takes of the machine."""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily, Metric

from townlet.metrics.readings import Readings, gauge


def new_registry(member: str, run: str, config_digest: str, version: Callable[[], int]) -> CollectorRegistry:
    """One for a process. version: the newest complete one that it knows; 0 for none."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter: nobody asks for it
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)

    def read() -> Iterable[Metric]:
        who = GaugeMetricFamily("townlet_member_info", "Who this process is.", labels=["run", "member", "config"])
        who.add_metric([run, member, config_digest], 1)
        yield who
        yield gauge("townlet_version", "The newest complete version that this process knows; 0 for none.", version())

    registry.register(Readings(read))
    return registry
