"""One component's state: a tree of plain values and tensors, as two files and back, exactly.

`NAME.json` holds the tree, `NAME.safetensors` the tensors, each named by its place in the tree (a JSON pointer). Where
a tensor belongs, the tree holds `{"$tensor": "torch.float32"}` or `{"$array": "uint64"}`; an integer of more than
64 bits, which other readers of JSON would round, is `{"$integer": "0x..."}`. No key of a state begins with "$".
"""

import json
from math import isfinite
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from townlet.errors import CheckpointError

State = dict[str, Any]
"""Values: None, bool, int, finite float, str, torch.Tensor, numpy.ndarray, and lists and dicts (keys: str) of them."""

DTYPES = frozenset(
    ["bool", "complex64"]
    + [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
    + [f"float{bits}" for bits in (16, 32, 64)]
)
"""Of numpy arrays. Torch tensors may be of bfloat16 and the float8 kinds as well."""


def encode_state(state: State) -> tuple[bytes, bytes]:
    """The contents of NAME.json and NAME.safetensors; equal states in equal order give equal bytes.

    Tensors of any device and strides are copied. Raises CheckpointError when a value could not come back as it was.
    """
    arrays: dict[str, NDArray[Any]] = {}
    if type(state) is not dict:
        raise CheckpointError(f"state: expected a dict, found {type(state).__qualname__}")
    tree = _encode(state, "", arrays)
    return (json.dumps(tree, indent=1, allow_nan=False) + "\n").encode(), safetensors.numpy.save(arrays)


def decode_state(tree: bytes, tensors: bytes, source: str) -> State:
    """The inverse of `encode_state`; tensors are on the CPU. source: where it comes from, for messages.

    Raises CheckpointError when the two are no state, or not of one another.
    """
    try:
        arrays = safetensors.numpy.load(tensors)
        state = _decode(json.loads(tree), "", arrays)
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{source}: expected a component's state, found {error!r}") from None
    if arrays:
        raise CheckpointError(f"{source}: expected the tensors of its tree only, found {min(arrays)} as well")
    if type(state) is not dict:
        raise CheckpointError(f"{source}: expected a dict, found {type(state).__qualname__}")
    return state


def _encode(value: Any, place: str, arrays: dict[str, NDArray[Any]]) -> Any:
    """place: a JSON pointer. Adds the tensors that it meets to `arrays`."""
    kind = type(value)
    if value is None or kind in (bool, str):
        return value
    if kind is int:
        return value if -(2**63) <= value < 2**64 else {"$integer": hex(value)}
    if kind is float:
        return _finite(value, place)
    if kind is list:
        return [_encode(item, f"{place}/{index}", arrays) for index, item in enumerate(value)]
    if kind is dict:
        return {_key(key, place): _encode(item, f"{place}/{_escaped(key)}", arrays) for key, item in value.items()}
    if kind is np.ndarray:
        arrays[place] = _contiguous(value, place)
        return {"$array": value.dtype.name}
    if any(parent.__module__.partition(".")[0] == "torch" for parent in kind.__mro__):
        from townlet.checkpoint.torch_tensors import array_of  # a shard's state needs no torch

        arrays[place], dtype = array_of(value, place)
        return {"$tensor": dtype}
    raise CheckpointError(
        f"state: {place}: expected None, bool, int, float, str, list, dict, torch.Tensor or numpy.ndarray, "
        f"found {kind.__module__}.{kind.__qualname__}"
    )


def _decode(value: Any, place: str, arrays: dict[str, NDArray[Any]]) -> Any:
    """Takes the tensors that it needs out of `arrays`."""
    if type(value) is list:
        return [_decode(item, f"{place}/{index}", arrays) for index, item in enumerate(value)]
    if type(value) is not dict:
        return value
    match value:
        case {"$integer": digits}:
            return int(digits, 16)
        case {"$array": dtype}:
            array = arrays.pop(place)
            if array.dtype.name != dtype:
                raise ValueError(f"{place}: expected {dtype}, found {array.dtype.name}")
            return array if array.flags.writeable else array.copy()
        case {"$tensor": dtype}:
            from townlet.checkpoint.torch_tensors import tensor_of  # as above

            return tensor_of(arrays.pop(place), dtype)
    return {key: _decode(item, f"{place}/{_escaped(key)}", arrays) for key, item in value.items()}


def _key(key: Any, place: str) -> str:
    if type(key) is not str:
        raise CheckpointError(f"state: {place}: expected keys of type str, found {key!r}")
    if key.startswith("$"):
        raise CheckpointError(f'state: {place}: expected a key that does not begin with "$", found {key!r}')
    try:
        key.encode()
    except UnicodeEncodeError:
        raise CheckpointError(f"state: {place}: expected a key of Unicode characters, found {key!r}") from None
    return key


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _finite(value: float, place: str) -> float:
    if not isfinite(value):
        raise CheckpointError(f"state: {place}: expected a finite number, found {value}")
    return value


def _contiguous(array: NDArray[Any], place: str) -> NDArray[Any]:
    if array.dtype.name not in DTYPES or not array.dtype.isnative:
        expected = ", ".join(sorted(DTYPES))
        raise CheckpointError(f"state: {place}: expected an array of {expected}, found {array.dtype!r}")
    return np.asarray(array, order="C")
