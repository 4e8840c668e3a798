"""Feed-forward Q-networks."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn


class DuelingHead(nn.Module):
    """Q = value + advantage - mean advantage (Wang et al. 2016, equation 9)."""

    def __init__(self, features: int, actions: int) -> None:
        super().__init__()
        self.value = nn.Linear(features, 1)
        self.advantage = nn.Linear(features, actions)

    def forward(self, features: Tensor) -> Tensor:
        """features: float32 [B, features]. Returns Q, float32 [B, A]."""
        advantage: Tensor = self.advantage(features)
        q: Tensor = self.value(features) + advantage - advantage.mean(dim=-1, keepdim=True)
        return q


class MlpQ(nn.Sequential):
    """Linear, LayerNorm, ReLU a hidden layer, then a dueling head. float32 [B, inputs] -> Q, float32 [B, A]."""

    def __init__(self, inputs: int, actions: int, hidden: Sequence[int]) -> None:
        layers: list[nn.Module] = []
        for before, after in pairwise((inputs, *hidden)):
            layers += [nn.Linear(before, after), nn.LayerNorm(after), nn.ReLU()]
        super().__init__(*layers, DuelingHead(hidden[-1], actions))
