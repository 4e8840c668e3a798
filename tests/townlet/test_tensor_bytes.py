"""The format that is written and read here is that of the safetensors library, both ways."""

import json

import pytest
import safetensors
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st

from townlet.errors import CheckpointError
from townlet.tensor_bytes import DTYPES, decode_tensors, encode_tensors

TENSORS = st.dictionaries(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter(lambda name: name != "__metadata__"),
    st.tuples(st.sampled_from(list(DTYPES.values())), st.lists(st.integers(0, 4), max_size=3), st.integers(0, 2**32)),
    max_size=6,
).map(lambda drawn: {name: make_tensor(*form) for name, form in drawn.items()})


def make_tensor(dtype: torch.dtype, shape: list[int], seed: int) -> torch.Tensor:
    return (100 * torch.rand(shape, generator=torch.Generator().manual_seed(seed))).to(dtype)


def assert_same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=0, atol=0)


@given(TENSORS)
def test_the_library_reads_what_is_written(tensors):
    assert_same(safetensors.torch.load(encode_tensors(tensors)), tensors)


@given(TENSORS)
def test_what_the_library_writes_is_read(tensors):
    written = safetensors.torch.save(tensors, {"updates": "7"})
    assert_same(decode_tensors(written, "a test"), tensors)
    assert_same(decode_tensors(memoryview(b"odd" + written)[3:], "a test"), tensors)  # wherever it begins


def test_what_is_said_about_them_is_kept(tmp_path):
    path = tmp_path / "policy.safetensors"
    path.write_bytes(encode_tensors({"bias": torch.ones(3)}, {"updates": "7"}))
    with safetensors.safe_open(path, "pt") as file:
        assert file.metadata() == {"updates": "7"}
        assert file.get_tensor("bias").tolist() == [1.0, 1.0, 1.0]


def test_tensors_are_written_as_they_are_seen_wherever_they_lie():
    base = torch.arange(12.0).reshape(3, 4)
    tensors = {"turned": base.T, "strided": base[:, ::2], "learned": torch.nn.Parameter(base)}
    assert_same(decode_tensors(encode_tensors(tensors), "a test"), {name: t.detach() for name, t in tensors.items()})


def with_header(header: object, data: bytes = bytes(8)) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(**different: object) -> dict[str, object]:
    return {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **different}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected weights in the safetensors format, found 0 bytes without its header"),
        (b"weights", "expected weights in the safetensors format"),
        (b"\xff" * 16, "expected weights in the safetensors format"),
        (with_header(b"{"), "expected weights in the safetensors format"),
        (with_header([]), "expected weights in the safetensors format"),
        (with_header({"w": 3}), "expected weights in the safetensors format"),
        (with_header({"w": entry(shape=[-2])}), "expected weights in the safetensors format"),
        (with_header({"w": entry(shape=[2.5])}), "expected weights in the safetensors format"),
        (with_header({"w": entry(dtype="F4")}), "w: expected a dtype of F64, .*, found F4"),
        (with_header({"w": entry(shape=[3])}), r"w: expected 12 bytes, found \[0, 8\) of 8"),
        (with_header({"w": entry(shape=[2**40, 2**40])}), r"w: expected \d+ bytes, found \[0, 8\) of 8"),
        (with_header({"w": entry(data_offsets=[4, 12])}), r"w: expected 8 bytes, found \[4, 12\) of 8"),
        (with_header({"w": entry(data_offsets=[8, 0])}), r"w: expected 8 bytes, found \[8, 0\) of 8"),
    ],
)
def test_what_is_not_in_the_format_is_refused_in_one_sentence(content, message):
    with pytest.raises(CheckpointError, match=f"^policy 3: {message}") as refused:
        decode_tensors(content, "policy 3")
    assert "\n" not in str(refused.value)


@given(st.data())
def test_damage_is_refused_or_read_and_never_a_crash(data):
    content = bytearray(encode_tensors({"weight": torch.ones(2, 3), "bias": torch.zeros(3)}))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = decode_tensors(bytes(content[: data.draw(st.integers(0, len(content)))]), "a test")
    except CheckpointError:
        return
    assert all(isinstance(tensor.sum().item(), int | float | bool) for tensor in found.values())
