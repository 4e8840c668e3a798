"""The one place that builds networks from their settings."""

from townlet.networks.encoders import EgocentricEncoder, EntityEncoder, FlatEncoder, ImpalaEncoder, SpatialEncoder
from townlet.networks.interface import FeedForwardQ, QNetwork, RecurrentQ
from townlet.networks.settings import (
    EgocentricQSettings,
    EntityQSettings,
    ImpalaQSettings,
    MlpQSettings,
    NetworkSettings,
    RecurrentMlpQSettings,
    RecurrentSpatialQSettings,
)
from townlet.specs import EnvironmentSpec

HEAD_FEATURES = 128
"""Between LSTM and head, where the settings do not say."""


def build_network(settings: NetworkSettings, spec: EnvironmentSpec) -> QNetwork:
    """A new network with random parameters, from torch's global generator.

    Raises ConfigError when the network cannot see such an observation.
    """
    match settings:
        case MlpQSettings(hidden=hidden):
            return FeedForwardQ(FlatEncoder(spec, hidden), hidden[-1], spec.actions)
        case EntityQSettings():
            entity = EntityEncoder(spec, settings.features, settings.heads)
            return FeedForwardQ(entity, entity.features, spec.actions)
        case EgocentricQSettings(hidden=hidden):
            egocentric = EgocentricEncoder(spec, settings.centre, hidden)
            return FeedForwardQ(egocentric, hidden[-1], spec.actions)
        case RecurrentMlpQSettings(features=features, hidden=hidden):
            flat = FlatEncoder(spec, (features,), normalised=False)
            return RecurrentQ(flat, features, spec.actions, hidden, HEAD_FEATURES)
        case RecurrentSpatialQSettings(hidden=hidden):
            spatial = SpatialEncoder(spec, settings.channels, settings.spatial_features, settings.block_features)
            return RecurrentQ(spatial, spatial.features, spec.actions, hidden, settings.features)
        case ImpalaQSettings(hidden=hidden):
            image = ImpalaEncoder(spec, settings.channels, settings.features)
            if hidden is None:
                return FeedForwardQ(image, image.features, spec.actions)
            return RecurrentQ(image, image.features, spec.actions, hidden, HEAD_FEATURES)
