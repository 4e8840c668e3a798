"""What every Q-network does, and the one place that builds them from their settings."""

import torch
from torch import Tensor, nn

from townlet.config import MlpQSettings
from townlet.networks.mlp import MlpQ
from townlet.specs import EnvironmentSpec
from townlet.worlds.interface import Observation


def build_network(settings: MlpQSettings, spec: EnvironmentSpec) -> "QNetwork":
    """A new network with random parameters, from torch's global generator."""
    return QNetwork(MlpQ(spec.observation_size, spec.actions, settings.hidden))


class QNetwork(nn.Module):
    """Q values of all actions for a batch of observations."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, observation: Observation) -> Tensor:
        """observation: blocks of [B, ...]. Returns Q, float32 [B, A]."""
        q: Tensor = self.body(flat(observation))
        return q


def flat(observation: Observation) -> Tensor:
    """The flat observation, float32 [B, observation_size]: all blocks, flattened, one after the other."""
    return torch.cat([block.flatten(1).float() for block in observation.values()], dim=1)
