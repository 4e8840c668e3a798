"""The `metrics` section of a configuration."""

from townlet.settings import Address, Settings


class MetricsSettings(Settings):
    """Where each service shows its figures, for Prometheus, at http://ADDRESS/metrics.

    address: null for nowhere; with port 0 every process takes a free one, and logs it. `townlet up` gives the port
        that is named, and those after it, to the shards, the learner, the actors and the evaluator, in this order.
    """

    address: Address | None = None
