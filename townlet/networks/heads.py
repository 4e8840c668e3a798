"""What turns features into Q values."""

from torch import Tensor, nn


class DuelingHead(nn.Module):
    """Q = value + advantage - mean advantage (Wang et al. 2016, equation 9)."""

    def __init__(self, features: int, actions: int) -> None:
        super().__init__()
        self.value = nn.Linear(features, 1)
        self.advantage = nn.Linear(features, actions)

    def forward(self, features: Tensor) -> Tensor:
        """features: float32 [..., features]. Returns Q, float32 [..., A]."""
        advantage: Tensor = self.advantage(features)
        q: Tensor = self.value(features) + advantage - advantage.mean(dim=-1, keepdim=True)
        return q
