"""The codec gives back what it was given, byte by byte where NumPy's structured dtype says."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from record_columns import random_columns, specs

from townlet.records import RecordLayout, decode, encode
from townlet.specs import EnvironmentSpec, FieldSpec


@given(specs, st.integers(1, 3), st.integers(0, 2**32))
def test_what_is_encoded_is_decoded(spec, lanes, seed):
    layout = RecordLayout.of(spec)
    columns = random_columns(layout, lanes, seed)
    records = encode(layout, columns)
    assert records.shape == (lanes, layout.stride)
    decoded = decode(records, layout.span(layout.fields[0].name, layout.fields[-1].name))
    assert decoded.keys() == columns.keys()
    for name, column in columns.items():
        assert decoded[name].dtype == column.dtype
        assert torch.equal(decoded[name], column)


@given(specs, st.integers(0, 2**32))
def test_the_bytes_are_those_of_the_numpy_dtype(spec, seed):
    layout = RecordLayout.of(spec)
    columns = random_columns(layout, 3, seed)
    rows = encode(layout, columns).numpy().reshape(-1).view(layout.numpy)
    assert layout.numpy.itemsize == layout.stride
    for name, column in columns.items():
        np.testing.assert_array_equal(rows[name].reshape(column.shape), column.numpy())


@given(specs, st.data())
def test_a_span_is_its_part_of_the_record(spec, data):
    layout = RecordLayout.of(spec)
    columns = random_columns(layout, 2, 0)
    records = encode(layout, columns)
    names = [field.name for field in layout.fields]
    first = data.draw(st.integers(0, len(names) - 1))
    last = data.draw(st.integers(first, len(names) - 1))
    span = layout.span(names[first], names[last])
    decoded = decode(records[:, span.offset : span.offset + span.size], span)
    assert list(decoded) == names[first : last + 1]
    assert all(torch.equal(decoded[name], columns[name]) for name in decoded)


def test_fields_that_are_not_named_are_zero():
    layout = RecordLayout.of(EnvironmentSpec((FieldSpec("meters", "float32", (2,)),), 3, 10))
    records = encode(layout, {"observation.meters": torch.ones(1, 2)})
    span = layout.span("action_mask", "truncated")
    decoded = decode(records[:, span.offset :], span)
    assert not any(value.any() for value in decoded.values())


def test_the_digest_changes_with_any_name_dtype_or_shape():
    def digest(name="a", dtype="uint8", shape=(4,), actions=3):
        return RecordLayout.of(EnvironmentSpec((FieldSpec(name, dtype, shape),), actions, 10)).digest

    variants = [digest(), digest(name="b"), digest(dtype="bool"), digest(shape=(2, 2)), digest(actions=4)]
    assert len(set(variants)) == len(variants)
    assert digest() == digest()


def test_a_column_of_the_wrong_shape_is_a_bug_of_the_caller():
    layout = RecordLayout.of(EnvironmentSpec((FieldSpec("a", "uint8", (4,)),), 3, 10))
    with pytest.raises(AssertionError):
        encode(layout, {"observation.a": torch.zeros(2, 5, dtype=torch.uint8)})
