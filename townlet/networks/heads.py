"""What turns features into Q values."""

import torch
from torch import Tensor, nn


class DuelingHead(nn.Module):
    """Q = value + advantage - mean advantage (Wang et al. 2016, equation 9).

    In float32 wherever it is called: with eight bits, values of a hundred steps would be told apart by half steps.
    """

    def __init__(self, features: int, actions: int) -> None:
        super().__init__()
        self.value = nn.Linear(features, 1)
        self.advantage = nn.Linear(features, actions)

    def forward(self, features: Tensor) -> Tensor:
        """features: float32 or bfloat16 [..., features]. Returns Q, float32 [..., A]."""
        with torch.autocast(features.device.type, enabled=False):
            features = features.float()
            advantage: Tensor = self.advantage(features)
            q: Tensor = self.value(features) + advantage - advantage.mean(dim=-1, keepdim=True)
        return q
