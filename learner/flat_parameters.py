"""A network's parameters as one vector, so that whatever treats all of them alike is one operation."""

import torch
from torch import Tensor, nn


class FlatParameters:
    """All parameters of a module moved into one contiguous tensor, float32 [P], of which they become views.

    The module works as before, and its state_dict is unchanged. gradients: None until `with_gradients`, then float32
    [P], which backward passes add to.
    """

    def __init__(self, module: nn.Module) -> None:
        parameters = list(module.parameters())
        self.values: Tensor = torch.cat([parameter.detach().flatten() for parameter in parameters])
        self._parameters = parameters
        for parameter, view in zip(parameters, self._views(self.values), strict=True):
            parameter.data = view

    def with_gradients(self) -> Tensor:
        """Give every parameter a gradient that is a view of one vector; that vector, all zeros."""
        gradients = torch.zeros_like(self.values)
        for parameter, view in zip(self._parameters, self._views(gradients), strict=True):
            parameter.grad = view
        return gradients

    def _views(self, vector: Tensor) -> list[Tensor]:
        parts = torch.split(vector, [parameter.numel() for parameter in self._parameters])
        return [part.view_as(parameter) for part, parameter in zip(parts, self._parameters, strict=True)]
