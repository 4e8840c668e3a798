"""Tensors in the safetensors format: written in one pass, and read where they lie.

Its own library copies them once more on either way, which policies cannot afford: they go from the learner to every
actor several times a second. See huggingface.co/docs/safetensors, "Format".
"""

import json
import warnings
from collections.abc import Mapping
from math import prod
from typing import Annotated, Any

import torch
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from torch import Tensor

from townlet.errors import CheckpointError

ALIGNMENT = 8
DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}
_Count = Annotated[int, Field(ge=0, strict=True)]


class _Entry(BaseModel):
    """What the header says of a tensor. data_offsets: where its bytes begin and end, behind the header."""

    dtype: str
    shape: list[_Count]
    data_offsets: tuple[_Count, _Count]


_HEADER = TypeAdapter(dict[str, _Entry | dict[str, str]])


def encode_tensors(tensors: Mapping[str, Tensor], about: dict[str, str] | None = None) -> bytes:
    """All tensors by their names, those with the largest numbers first, so that each is aligned. about: kept beside."""
    arrays = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    arrays = dict(sorted(arrays.items(), key=lambda item: (-item[1].element_size(), item[0])))
    header: dict[str, Any] = {"__metadata__": about} if about else {}
    end = 0
    for name, tensor in arrays.items():
        begin, end = end, end + tensor.nbytes
        header[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    content = [tensor.reshape(-1).view(torch.uint8).numpy().data for tensor in arrays.values()]
    return b"".join([len(text).to_bytes(8, "little"), text, *content])


def decode_tensors(content: bytes | memoryview, source: str) -> dict[str, Tensor]:
    """The tensors, only to be read: they are where the content is.

    source: where it comes from, for messages. Raises CheckpointError when it is not in this format.
    """
    whole = memoryview(content)
    data_begin = 8 + int.from_bytes(whole[:8], "little")
    try:
        header = _HEADER.validate_json(bytes(whole[8:data_begin]))
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]["msg"]
        found = f"{len(whole)} bytes without its header: {wrong}"
        raise CheckpointError(f"{source}: expected weights in the safetensors format, found {found}") from None
    entries = {name: entry for name, entry in header.items() if isinstance(entry, _Entry)}
    return {name: _tensor(whole[data_begin:], entry, f"{source}: {name}") for name, entry in entries.items()}


def tensor_of(data: bytes | memoryview, dtype: torch.dtype) -> Tensor:
    """Bytes as a flat tensor, only to be read: nothing is copied."""
    return torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)


with warnings.catch_warnings(action="ignore"):
    # Once in a process torch warns of memory that must not be written to. Nobody writes to these.
    tensor_of(b"\0", torch.uint8)


def _tensor(data: memoryview, entry: _Entry, source: str) -> Tensor:
    (begin, end), dtype = entry.data_offsets, DTYPES.get(entry.dtype)
    if dtype is None:
        raise CheckpointError(f"{source}: expected a dtype of {', '.join(DTYPES)}, found {entry.dtype}")
    size = prod(entry.shape) * dtype.itemsize
    if end - begin != size or end > len(data):
        raise CheckpointError(f"{source}: expected {size} bytes, found [{begin}, {end}) of {len(data)}")
    return tensor_of(data[begin:end], dtype).view(entry.shape)
