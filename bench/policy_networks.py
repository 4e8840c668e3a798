"""Networks of any size, for policies of any size."""

from math import sqrt

from townlet.networks.build import build_network
from townlet.networks.interface import QNetwork
from townlet.networks.settings import MlpQSettings
from townlet.specs import EnvironmentSpec, FieldSpec

SPEC = EnvironmentSpec((FieldSpec("seen", "float32", (64,)),), actions=8, step_cap=500)


def network_of(size: int) -> QNetwork:
    """One whose parameters take about `size` bytes: two layers of w features, w**2 + 79 w + 9 parameters."""
    return build_network(MlpQSettings(hidden=(features := max(1, int(sqrt(size / 4 + 1560) - 39.5)), features)), SPEC)
