"""Adam over all parameters of a network at once."""

import torch
from torch import Tensor, nn

from learner.flat_parameters import FlatParameters


class FlatAdam:
    """One fused step over one vector. values, gradients: float32 [P], which the module's parameters are views of."""

    def __init__(self, module: nn.Module, *, learning_rate: float, epsilon: float = 1e-8) -> None:
        flat = FlatParameters(module)
        self.values = flat.values
        self.gradients = flat.with_gradients()
        self._parameter = nn.Parameter(self.values)
        self._parameter.grad = self.gradients
        self._adam = torch.optim.Adam([self._parameter], lr=learning_rate, eps=epsilon, fused=True)
        # Adam makes its state at the first step; it is made here, so that it can be saved and restored before it.
        self._adam.state[self._parameter] = {
            "step": torch.zeros((), device=self.values.device),
            "exp_avg": torch.zeros_like(self.values),
            "exp_avg_sq": torch.zeros_like(self.values),
        }

    def backward(self, loss: Tensor) -> None:
        """Make the gradients those of this loss, float32 []."""
        self.gradients.zero_()
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own

    def step(self, learning_rate: float) -> None:
        """Move the parameters along the gradients."""
        self._adam.param_groups[0]["lr"] = learning_rate
        self._adam.step()

    def tensors(self) -> dict[str, Tensor]:
        """The moments, float32 [P], and the step count, by reference."""
        return dict(self._adam.state[self._parameter])
