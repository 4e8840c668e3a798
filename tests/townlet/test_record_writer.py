"""Records come to lie where they should, by compiled code and by tensors to the byte alike."""

import pytest
import torch
from compiler import needs_compiler
from hypothesis import given
from hypothesis import strategies as st
from record_columns import random_columns, specs

from townlet.record_writer import RecordWriter
from townlet.records import RecordLayout, encode
from townlet.specs import EnvironmentSpec, FieldSpec

LANES, PLACES = 5, 4
CPU = torch.device("cpu")


@needs_compiler
@given(specs, st.lists(st.integers(0, LANES - 1), min_size=1, unique=True), st.data())
def test_both_ways_put_the_same_bytes_in_the_same_places_and_none_elsewhere(spec, lanes, data):
    layout = RecordLayout.of(spec)
    columns = random_columns(layout, len(lanes), 0)
    columns["action"] = columns["action"].to(torch.int64)
    given = data.draw(st.sets(st.sampled_from(sorted(columns)), min_size=1))
    some = {name: columns[name] for name in given}
    steps = torch.tensor(data.draw(st.lists(st.integers(0, PLACES - 1), min_size=len(lanes), max_size=len(lanes))))
    put = [torch.full((LANES, PLACES, layout.stride), 9, dtype=torch.uint8) for _ in range(2)]
    for compiled, records in zip((True, False), put, strict=True):
        RecordWriter(layout, CPU, compiled=compiled).write(some, torch.tensor(lanes), steps, records)
    assert torch.equal(*put)
    assert torch.equal(put[0][torch.tensor(lanes), steps], encode(layout, some))
    untouched = torch.ones(LANES, PLACES, dtype=torch.bool)
    untouched[torch.tensor(lanes), steps] = False
    assert (put[0][untouched] == 9).all()


def test_a_column_need_not_be_contiguous():
    layout = RecordLayout.of(EnvironmentSpec((FieldSpec("seen", "float32", (2, 3)),), 2, 10))
    turned = torch.arange(12.0).reshape(2, 3, 2).transpose(1, 2)
    records, both = torch.zeros(2, 1, layout.stride, dtype=torch.uint8), torch.arange(2)
    RecordWriter(layout, CPU).write({"observation.seen": turned}, both, torch.zeros_like(both), records)
    assert torch.equal(records[:, 0, :24].contiguous().view(torch.float32).view(2, 2, 3), turned)


def test_a_column_of_another_shape_is_refused():
    layout = RecordLayout.of(EnvironmentSpec((FieldSpec("seen", "float32", (2,)),), 2, 10))
    records, lanes = torch.zeros(3, 1, layout.stride, dtype=torch.uint8), torch.arange(3)
    with pytest.raises(AssertionError):
        RecordWriter(layout, CPU).write({"action": torch.zeros(2, dtype=torch.int64)}, lanes, 0 * lanes, records)
