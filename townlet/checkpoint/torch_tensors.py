"""Torch tensors as NumPy arrays of the same bits, and back."""

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from townlet.errors import CheckpointError

_STORED_AS = {
    torch.bfloat16: torch.int16,  # NumPy has no such type: the bits are kept as integers
    torch.float8_e4m3fn: torch.uint8,
    torch.float8_e5m2: torch.uint8,
} | {
    dtype: dtype
    for dtype in (
        *(torch.bool, torch.complex64, torch.float16, torch.float32, torch.float64),
        *(torch.int8, torch.int16, torch.int32, torch.int64),
        *(torch.uint8, torch.uint16, torch.uint32, torch.uint64),
    )
}
_BY_NAME = {str(dtype): dtype for dtype in _STORED_AS}


def array_of(value: Any, place: str) -> tuple[NDArray[Any], str]:
    """The values of a tensor (a copy or a view), and the name of its dtype. Raises CheckpointError."""
    if not isinstance(value, Tensor) or value.layout != torch.strided or value.is_meta or value.dtype not in _STORED_AS:
        found = f"{value.dtype} ({value.layout}, {value.device})" if isinstance(value, Tensor) else type(value).__name__
        raise CheckpointError(f"state: {place}: expected a dense tensor of {', '.join(_BY_NAME)}, found {found}")
    plain = value.detach().cpu().resolve_conj().resolve_neg().contiguous()
    return plain.view(_STORED_AS[value.dtype]).numpy(), str(value.dtype)


def tensor_of(array: NDArray[Any], dtype: str) -> Tensor:
    """The inverse. Raises KeyError or ValueError when the array is not one of such a tensor."""
    kind = _BY_NAME[dtype]
    tensor = torch.from_numpy(array if array.flags.writeable else array.copy())
    if tensor.dtype != _STORED_AS[kind]:
        raise ValueError(f"expected {dtype} kept as {_STORED_AS[kind]}, found {tensor.dtype}")
    return tensor.view(kind)
