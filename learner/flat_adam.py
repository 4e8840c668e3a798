"""Adam over all parameters of a network at once."""

import torch
from torch import Tensor, nn

from learner.flat_parameters import FlatParameters

BETAS = (0.9, 0.999)


class FlatAdam:
    """One fused step over one vector. values, gradients: float32 [P], which the module's parameters are views of.

    Calls the operation behind `torch.optim.Adam(fused=True)` (Kingma and Ba 2015, algorithm 1). The class around it
    loads torch's compiler, which costs each start two seconds and is not used here.
    """

    def __init__(self, module: nn.Module, *, epsilon: float = 1e-8) -> None:
        flat = FlatParameters(module)
        self.values = flat.values
        self.gradients = flat.with_gradients()
        self._epsilon = epsilon
        self._steps = torch.zeros((), device=self.values.device)
        self._mean = torch.zeros_like(self.values)
        self._mean_square = torch.zeros_like(self.values)

    def backward(self, loss: Tensor) -> None:
        """Make the gradients those of this loss, float32 []."""
        self.gradients.zero_()
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Move the parameters along the gradients."""
        self._steps += 1
        torch._fused_adam_(
            [self.values],
            [self.gradients],
            [self._mean],
            [self._mean_square],
            [],
            [self._steps],
            lr=learning_rate,
            beta1=BETAS[0],
            beta2=BETAS[1],
            weight_decay=0.0,
            eps=self._epsilon,
            amsgrad=False,
            maximize=False,
        )

    def tensors(self) -> dict[str, Tensor]:
        """The moments, float32 [P], and the step count, by reference."""
        return {"step": self._steps, "exp_avg": self._mean, "exp_avg_sq": self._mean_square}
