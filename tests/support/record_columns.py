"""Environments of all kinds, and what a record of theirs may hold."""

import numpy as np
import torch
from hypothesis import strategies as st

from townlet.records import RecordLayout
from townlet.specs import EnvironmentSpec, FieldSpec

shapes = st.lists(st.integers(1, 4), max_size=3).map(tuple)
blocks = st.lists(st.tuples(st.sampled_from(["uint8", "float32", "bool", "int32"]), shapes), min_size=1, max_size=4)
specs = st.builds(
    lambda blocks, actions: EnvironmentSpec(
        tuple(FieldSpec(f"block{at}", dtype, shape) for at, (dtype, shape) in enumerate(blocks)), actions, 10
    ),
    blocks,
    st.sampled_from([2, 6, 256, 300]),
)


def random_columns(layout: RecordLayout, lanes: int, seed: int) -> dict[str, torch.Tensor]:
    random = np.random.default_rng(seed)
    columns = {}
    for field in layout.fields:
        shape = (lanes, *field.shape)
        values = random.integers(0, 2 if field.dtype == "bool" else 200, shape)
        if field.dtype == "float32":
            values = random.normal(size=shape)
        columns[field.name] = torch.from_numpy(values.astype(field.dtype))
    return columns
