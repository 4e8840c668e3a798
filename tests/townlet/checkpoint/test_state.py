"""A state comes back exactly as it was, or is refused."""

import math
import subprocess
import sys
from enum import IntEnum
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from townlet.checkpoint.state import DTYPES, decode_state, encode_state
from townlet.errors import CheckpointError

ROOT = Path(__file__).parents[3]
TORCH_DTYPES = [torch.bool, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2, torch.complex64]
TORCH_DTYPES += [torch.float16, torch.float32, torch.float64, torch.int8, torch.int16, torch.int32, torch.int64]
TORCH_DTYPES += [torch.uint8, torch.uint16, torch.uint32, torch.uint64]


def restored(state):
    return decode_state(*encode_state(state), "test")


def same(mine, theirs) -> bool:
    """Equal in type, form and every bit."""
    if type(mine) is not type(theirs):
        return False
    if isinstance(mine, torch.Tensor):
        bits = [t.clone(memory_format=torch.contiguous_format).view(-1).view(torch.uint8) for t in (mine, theirs)]
        return mine.dtype == theirs.dtype and mine.shape == theirs.shape and torch.equal(*bits)
    if isinstance(mine, np.ndarray):
        return mine.dtype == theirs.dtype and mine.shape == theirs.shape and mine.tobytes() == theirs.tobytes()
    if isinstance(mine, dict):
        return list(mine) == list(theirs) and all(same(mine[key], theirs[key]) for key in mine)
    if isinstance(mine, list):
        return len(mine) == len(theirs) and all(map(same, mine, theirs))
    return mine == theirs and (not isinstance(mine, float) or math.copysign(1, mine) == math.copysign(1, theirs))


texts = st.text(st.characters(exclude_categories=["Cs"]))
keys = st.one_of(texts, st.sampled_from(["a/b", "~", "~1", "__metadata__", ""])).filter(lambda key: key[:1] != "$")
numpy_arrays = arrays.arrays(
    st.sampled_from(sorted(DTYPES)), arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
)
tensors = numpy_arrays.map(torch.from_numpy)
plain = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text())
values = st.recursive(
    st.one_of(plain, numpy_arrays, tensors),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(keys, values, max_size=4))
def test_whatever_is_accepted_comes_back_in_every_bit_and_in_order(state):
    assert same(restored(state), state)


def test_a_worked_example_is_readable_json_and_names_its_tensors_by_their_place():
    tree, tensors = encode_state({"networks": {"online": torch.ones(2)}, "seed": 2**64, "keys": [np.uint64([1])]})
    assert b'"$tensor": "torch.float32"' in tree
    assert b'"$integer": "0x10000000000000000"' in tree
    assert b'"/networks/online"' in tensors
    assert b'"/keys/0"' in tensors


@pytest.mark.parametrize("dtype", TORCH_DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (2, 3)], ids=str)
def test_tensors_of_every_dtype_and_shape_come_back(dtype, shape):
    tensor = torch.arange(math.prod(shape)).reshape(shape).to(dtype)
    assert same(restored({"t": tensor}), {"t": tensor})


def test_what_is_not_a_number_in_a_tensor_keeps_its_bits():
    bits = torch.tensor([0x7FC00001, 0x7F800000, -0x00400001], dtype=torch.int32)
    assert torch.equal(restored({"t": bits.view(torch.float32)})["t"].view(torch.int32), bits)


def test_integers_of_any_size_come_back():
    sizes = [2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 2**128 - 1, -(7**9000)]
    assert restored({"i": sizes}) == {"i": sizes}


def test_strides_gradients_sharing_and_parameters_do_not_matter():
    weights = torch.nn.Parameter(torch.arange(6.0).reshape(2, 3))
    found = restored({"a": weights, "b": weights.t(), "c": np.arange(6)[::-2], "d": np.asfortranarray(np.eye(3)[:2])})
    assert torch.equal(found["a"], weights.detach())
    assert torch.equal(found["b"], weights.detach().t())
    assert found["c"].tolist() == [5, 3, 1]
    assert found["d"].tolist() == np.eye(3)[:2].tolist()


def test_what_comes_back_can_be_written_to():
    found = restored({"n": np.zeros(2), "t": torch.zeros(2)})
    found["n"] += 1
    found["t"] += 1


def test_equal_states_are_equal_bytes():
    assert encode_state({"b": torch.ones(2), "a": 1}) == encode_state({"b": torch.ones(2), "a": 1})


class Colour(IntEnum):
    RED = 1


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (math.inf, "found inf"),
        (-math.inf, "found -inf"),
        (math.nan, "found nan"),
        ((1, 2), "found builtins.tuple"),
        (b"", "found builtins.bytes"),
        ({1}, "found builtins.set"),
        (1j, "found builtins.complex"),
        (Colour.RED, r"found \S+Colour"),
        (np.float64(1), "found numpy.float64"),
        (np.bool_(True), "found numpy.bool"),
        (np.array(["a"]), r"an array of .* found dtype\('<U1'\)"),
        (np.array([None]), r"an array of .* found dtype\('O'\)"),
        (np.zeros(1, ">f4"), r"an array of .* found dtype\('>f4'\)"),
        (np.zeros(1, [("a", "f4")]), "an array of .* found dtype"),
        (np.zeros(1, np.complex128), "an array of .* found dtype"),
        (torch.zeros(1, dtype=torch.complex128), "a dense tensor of .* found torch.complex128"),
        (torch.zeros(2, 2).to_sparse(), "a dense tensor of .* found torch.float32 .torch.sparse_coo"),
        (torch.zeros(1, device="meta"), "a dense tensor of .* meta"),
        (torch.float32, "a dense tensor of .* found dtype"),
        (torch.Size([1]), "a dense tensor of .* found Size"),
        ({1: 2}, "keys of type str, found 1"),
        ({"$tensor": 1}, 'does not begin with "\\$", found'),
        ({"\ud800": 1}, "Unicode characters, found"),
    ],
    ids=lambda value: None,
)
def test_what_could_not_come_back_is_refused_by_its_place(value, found):
    with pytest.raises(CheckpointError, match=f"state: /a/0: expected .*{found}"):
        encode_state({"a": [value]})


def test_a_state_is_a_dict():
    with pytest.raises(CheckpointError, match="expected a dict, found list"):
        encode_state([1])


@pytest.mark.parametrize(
    ("tree", "arrays"),
    [
        (b"", {}),
        (b"[]", {}),
        (b"{", {}),
        (b'{"a": {"$array": "int64"}}', {}),
        (b'{"a": {"$array": "int32"}}', {"/a": np.zeros(1, np.int64)}),
        (b'{"a": {"$tensor": "torch.bfloat16"}}', {"/a": np.zeros(1, np.int64)}),
        (b'{"a": {"$tensor": "torch.load"}}', {"/a": np.zeros(1, np.int64)}),
        (b"{}", {"/a": np.zeros(1, np.int64)}),
    ],
)
def test_two_files_that_do_not_belong_together_are_no_state(tree, arrays):
    from safetensors.numpy import save

    with pytest.raises(CheckpointError, match="here: expected"):
        decode_state(tree, save(arrays), "here")


def test_a_shard_can_save_without_torch():
    program = (
        "import sys, numpy; from townlet.checkpoint.state import *; import townlet.checkpoint.store\n"
        "assert decode_state(*encode_state({'a': numpy.ones(2)}), 's')['a'].sum() == 2\n"
        "assert not {'torch', 'fsspec', 'grpc'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
