"""Metrics that are read when they are asked for, from what counts anyway: they cost nothing between two looks."""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

Figures = Mapping[str, float]
"""By the value of one label."""


class Readings(Collector):
    """read: all the metrics as they are now. Called on the event loop that serves them."""

    def __init__(self, read: Callable[[], Iterable[Metric]]) -> None:
        self._read = read

    def collect(self) -> Iterable[Metric]:
        """See prometheus_client."""
        return self._read()


def gauge(name: str, about: str, value: float | None) -> GaugeMetricFamily:
    """Goes up and down. None: there is none yet."""
    family = GaugeMetricFamily(name, about)
    if value is not None:
        family.add_metric([], value)
    return family


def gauges(name: str, about: str, label: str, figures: Figures) -> GaugeMetricFamily:
    """One for each value of a label."""
    family = GaugeMetricFamily(name, about, labels=[label])
    for each, value in figures.items():
        family.add_metric([each], value)
    return family


def counter(name: str, about: str, value: float) -> CounterMetricFamily:
    """Only goes up, but for restarts. name: ends in _total."""
    assert name.endswith("_total"), name
    return CounterMetricFamily(name, about, value=value)


def counters(name: str, about: str, label: str, figures: Figures) -> CounterMetricFamily:
    """One for each value of a label."""
    assert name.endswith("_total"), name
    family = CounterMetricFamily(name, about, labels=[label])
    for each, value in figures.items():
        family.add_metric([each], value)
    return family
