"""Puts records where episodes gather. F records, L lanes, P places for a lane's steps, S the layout's stride."""

import ctypes
from collections.abc import Mapping

import torch
from torch import Tensor

from townlet.kernels import kernel
from townlet.records import RecordLayout, encode


class RecordWriter:
    """Encodes on the device where the records shall lie; on a CPU by compiled code, where it was built.

    compiled: whether to go by it there; the bytes are the same.
    """

    def __init__(self, layout: RecordLayout, device: torch.device, *, compiled: bool = True) -> None:
        self._layout = layout
        self._fields = [(field.name, field.shape, getattr(torch, field.dtype)) for field in layout.fields]
        self._widths = torch.tensor(layout.offsets).diff()
        self._put = kernel("put_records", numbers=4, tensors=5) if compiled and device.type == "cpu" else None

    def write(self, columns: Mapping[str, Tensor], lanes: Tensor, steps: Tensor, records: Tensor) -> None:
        """Put a record at each lane and step. What `columns` does not name is zero.

        columns: [F, *shape]; integers may be wider than their field. lanes, steps: int64 [F], none twice. records:
        uint8 [L, P, S], contiguous.
        """
        if self._put is None:
            records[lanes, steps] = encode(self._layout, columns)
            return
        held = [self._column(columns.get(name), (len(lanes), *shape), dtype) for name, shape, dtype in self._fields]
        at = (ctypes.c_void_p * len(held))(*[None if each is None else each.data_ptr() for each in held])
        strides = records.stride(0), records.stride(1)
        self._put(len(lanes), len(held), *strides, self._widths, at, lanes, steps, records)

    @staticmethod
    def _column(column: Tensor | None, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor | None:
        if column is None:
            return None
        assert column.shape == shape, (column.shape, shape)
        return column.to(dtype).contiguous()
