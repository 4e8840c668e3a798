"""What a saved curriculum must look like."""

from dataclasses import dataclass
from math import inf

import torch
from torch import Tensor

from townlet.errors import CheckpointError


@dataclass(frozen=True)
class Form:
    """What a tensor must be. least, most: bounds of its values, both allowed."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    least: float = -inf
    most: float = inf


def check_forms(tensors: dict[str, Tensor], forms: dict[str, Form]) -> None:
    """Raises CheckpointError when a tensor is missing, unknown, of another form or out of bounds."""
    for name in tensors:
        if name not in forms:
            raise CheckpointError(f"saved curriculum: tensor {name} is unknown")
    for name, form in forms.items():
        if name not in tensors:
            raise CheckpointError(f"saved curriculum: tensor {name} is missing")
        tensor = tensors[name]
        if tensor.dtype != form.dtype or tensor.shape != form.shape:
            expected, found = _described(form.dtype, form.shape), _described(tensor.dtype, tensor.shape)
            raise CheckpointError(f"saved curriculum: tensor {name}: expected {expected}, found {found}")
        possible = (tensor >= form.least) & (tensor <= form.most)
        if not possible.all():
            expected, value = f"values from {form.least} to {form.most}", tensor[~possible].flatten()[0].item()
            raise CheckpointError(f"saved curriculum: tensor {name}: expected {expected}, found {value}")


def _described(dtype: torch.dtype, shape: tuple[int, ...]) -> str:
    return f"{str(dtype).removeprefix('torch.')} {list(shape)}"
