"""Records and their codec: the one place that knows what the bytes of a stored step mean.

An episode of T steps is T + 1 records of fixed stride, oldest first; the last one holds the final observation and zeros
where nothing was done. A record is packed, without alignment gaps, in this order:

    observation.BLOCK ...   each block of the observation, in its own dtype
    action_mask             bool [A], what could be done
    action                  uint8, or int32 where there are more than 256 actions
    reward                  float32, extrinsic, as the environment gave it
    intrinsic_reward        float32, raw novelty: neither normalised nor weighted
    terminated, truncated   bool

With a recurrent network also, after the observation:

    previous_action         uint8, or int32 where there are more than 255 actions: the ID plus 1, 0 for none
    previous_reward         float32

and at the very end:

    recurrent_state         float32 [part_size], see `MemorySpec`: in step t of the episode the part t % period of the
                            state with which the network came to step t - t % period

Actors encode on the world's device, the learner decodes on its own; the replay service knows only the stride.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import numpy as np
import torch
from torch import Tensor

from townlet.specs import EnvironmentSpec, FieldSpec, MemorySpec

OBSERVATION = "observation."
"""Prefix of the observation's blocks among the field names."""

_DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
_TORCH = {name: getattr(torch, name) for name in _DTYPES}


@dataclass(frozen=True)
class RecordLayout:
    """Which bytes of a record are what."""

    fields: tuple[FieldSpec, ...]

    @classmethod
    def of(cls, spec: EnvironmentSpec, memory: MemorySpec | None = None) -> "RecordLayout":
        """The layout for an environment's episodes. memory: what a recurrent network adds; None without one."""
        fields = [FieldSpec(OBSERVATION + block.name, block.dtype, block.shape) for block in spec.observation]
        if memory is not None:
            fields += [
                FieldSpec("previous_action", "uint8" if spec.actions < 256 else "int32", ()),
                FieldSpec("previous_reward", "float32", ()),
            ]
        fields += [
            FieldSpec("action_mask", "bool", (spec.actions,)),
            FieldSpec("action", "uint8" if spec.actions <= 256 else "int32", ()),
            FieldSpec("reward", "float32", ()),
            FieldSpec("intrinsic_reward", "float32", ()),
            FieldSpec("terminated", "bool", ()),
            FieldSpec("truncated", "bool", ()),
        ]
        if memory is not None:
            fields.append(FieldSpec("recurrent_state", "float32", (memory.part_size,)))
        return cls(tuple(fields))

    @cached_property
    def digest(self) -> str:
        """Identifies the layout: equal digests mean equal bytes."""
        described = [[field.name, field.dtype, list(field.shape)] for field in self.fields]
        return hashlib.sha256(json.dumps(described).encode()).hexdigest()[:16]

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """Where each field begins, and last the stride."""
        return (0, *accumulate(_width(field) for field in self.fields))

    @property
    def stride(self) -> int:
        """Bytes in a record."""
        return self.offsets[-1]

    @cached_property
    def numpy(self) -> np.dtype[np.void]:
        """The layout as a NumPy structured dtype."""
        return _structured(self.fields)

    def span(self, first: str, last: str) -> "Span":
        """The neighbouring fields `first` to `last`."""
        names = [field.name for field in self.fields]
        begin, end = names.index(first), names.index(last) + 1
        return Span(self.fields[begin:end], self.offsets[begin], self.offsets[end] - self.offsets[begin])

    def observation(self, *, through: str | None = None) -> "Span":
        """The observation's blocks, and what follows them up to the field `through`."""
        blocks = [field.name for field in self.fields if field.name.startswith(OBSERVATION)]
        return self.span(blocks[0], through or blocks[-1])


@dataclass(frozen=True)
class Span:
    """Neighbouring fields of a record: bytes [offset, offset + size)."""

    fields: tuple[FieldSpec, ...]
    offset: int
    size: int

    @cached_property
    def numpy(self) -> np.dtype[np.void]:
        """Its bytes as a NumPy structured dtype."""
        return _structured(self.fields)


def encode(layout: RecordLayout, columns: Mapping[str, Tensor]) -> Tensor:
    """Records uint8 [L, stride] from each field's column [L, *shape]; a field that is not named is zero.

    Integer columns may be wider than their field. Column dtypes are otherwise the fields' own.
    """
    lanes, device = next((len(column), column.device) for column in columns.values())
    return torch.cat([_bytes(field, columns.get(field.name), lanes, device) for field in layout.fields], dim=1)


def decode(data: Tensor, span: Span) -> dict[str, Tensor]:
    """Each field's values [..., *shape] from the span's bytes, uint8 [..., span.size]."""
    assert data.dtype == torch.uint8, data.dtype
    assert data.shape[-1] == span.size, (data.shape, span.size)
    if data.device.type == "cpu":
        # A field at a time, not byte by byte, which takes half as long.
        records = data.numpy().view(span.numpy)[..., 0]
        return {field.name: torch.from_numpy(records[field.name].copy()) for field in span.fields}
    columns, at = {}, 0
    for field in span.fields:
        # A copy always: what merely counts as contiguous may lie where this dtype cannot.
        part = data[..., at : at + _width(field)].clone(memory_format=torch.contiguous_format)
        columns[field.name] = part.view(_TORCH[field.dtype]).reshape(*data.shape[:-1], *field.shape)
        at += _width(field)
    return columns


def _bytes(field: FieldSpec, column: Tensor | None, lanes: int, device: torch.device) -> Tensor:
    if column is None:
        return torch.zeros(lanes, _width(field), dtype=torch.uint8, device=device)
    assert column.shape == (lanes, *field.shape), (field, column.shape)
    return column.to(_TORCH[field.dtype]).reshape(lanes, field.size).view(torch.uint8)


def _structured(fields: tuple[FieldSpec, ...]) -> np.dtype[np.void]:
    return np.dtype([(field.name, field.dtype, field.shape) for field in fields])


def _width(field: FieldSpec) -> int:
    return field.size * np.dtype(field.dtype).itemsize
