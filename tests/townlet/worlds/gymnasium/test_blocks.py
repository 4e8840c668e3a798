"""What an environment shows is what a record holds, to the digit, and what it may not show is refused by name."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st

from townlet.errors import ConfigError, WorldError
from townlet.records import OBSERVATION, RecordLayout, decode, encode
from townlet.specs import EnvironmentSpec
from townlet.worlds.gymnasium.blocks import BOX_DTYPES, Actions, Blocks

START = np.array([[1, -2], [0, 5]])


def through_a_record(space, value) -> dict[str, np.ndarray]:
    """Each block of one observation, after it was stored and read."""
    blocks = Blocks("Env", space)
    layout = RecordLayout.of(EnvironmentSpec(blocks.specs, actions=3, step_cap=10))
    arrays = {spec.name: np.full((2, *spec.shape), 7, spec.dtype) for spec in blocks.specs}
    blocks.write(value, arrays, 1)
    columns = {OBSERVATION + name: torch.from_numpy(array) for name, array in arrays.items()}
    record, span = encode(layout, columns)[1], layout.observation()
    return {
        name.removeprefix(OBSERVATION): block.numpy()
        for name, block in decode(record[span.offset : span.offset + span.size], span).items()
    }


def box(dtype: str, shape=(2, 3)) -> spaces.Box:
    high = 1 if dtype == "bool" else np.finfo(dtype).max / 4 if "float" in dtype else min(np.iinfo(dtype).max, 2**60)
    return spaces.Box(0, high, shape, np.dtype(dtype))


@pytest.mark.parametrize("dtype", BOX_DTYPES)
@given(seed=st.integers(0, 2**31))
def test_a_box_keeps_its_dtype_and_every_digit(dtype, seed):
    space = box(dtype)
    space.seed(seed)
    value = space.sample()
    stored = through_a_record(space, value)["observation"]
    assert stored.dtype == value.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(stored, value)


def test_one_number_is_a_block_of_one():
    stored = through_a_record(spaces.Box(-1.0, 1.0, ()), np.float32(0.3))
    np.testing.assert_array_equal(stored["observation"], np.array([0.3], np.float32))


@given(count=st.integers(1, 9), start=st.integers(-5, 5), place=st.integers(0, 8))
def test_a_discrete_number_is_one_hot_from_its_start(count, start, place):
    value = start + place % count
    stored = through_a_record(spaces.Discrete(count, start=start), np.int64(value))["observation"]
    assert (stored.dtype, stored.shape, stored.sum()) == (np.uint8, (count,), 1)
    assert start + int(stored.argmax()) == value


@given(seed=st.integers(0, 2**31))
def test_several_discrete_numbers_are_one_hots_in_a_row(seed):
    space = spaces.MultiDiscrete([[2, 3], [4, 1]], start=START)
    space.seed(seed)
    value = space.sample()
    stored = through_a_record(space, value)["observation"]
    assert (stored.dtype, stored.shape, stored.sum()) == (np.uint8, (10,), 4)
    parts = np.split(stored, np.cumsum([2, 3, 4]))
    np.testing.assert_array_equal([int(part.argmax()) for part in parts] + START.flatten(), value.flatten())


@given(seed=st.integers(0, 2**31))
def test_bits_stay_bits(seed):
    space = spaces.MultiBinary((2, 3))
    space.seed(seed)
    value = space.sample()
    stored = through_a_record(space, value)["observation"]
    assert stored.dtype == np.uint8
    np.testing.assert_array_equal(stored, value)


def test_dicts_and_tuples_become_named_blocks():
    inner = spaces.Tuple((spaces.Discrete(2), spaces.Box(0.0, 9.0, (1,), np.float64)))
    space = spaces.Dict({"b": inner, "a": spaces.Dict({"x": spaces.MultiBinary(2)})})
    value = {"a": {"x": np.array([0, 1], np.int8)}, "b": (1, np.array([0.1]))}
    stored = through_a_record(space, value)
    assert {name: block.tolist() for name, block in stored.items()} == {"a.x": [0, 1], "b.0": [0, 1], "b.1": [0.1]}


def test_values_outside_a_boxs_bounds_are_no_error():
    stored = through_a_record(spaces.Box(-1.0, 1.0, (2,)), np.array([-3.0, 8.0], np.float32))
    assert stored["observation"].tolist() == [-3.0, 8.0]


@pytest.mark.parametrize(
    ("space", "value", "words"),
    [
        (box("float32"), np.zeros((2, 3)), "observation: expected float32 [2, 3], found float64 [2, 3]"),
        (box("uint8"), np.zeros((3, 2), np.uint8), "observation: expected uint8 [2, 3], found uint8 [3, 2]"),
        (box("float32", (2,)), np.array([0, np.nan], np.float32), "observation: expected finite numbers, found nan"),
        (box("float32", (2,)), np.array([0, np.inf], np.float32), "observation: expected finite numbers, found inf"),
        (spaces.Discrete(3, start=1), 4, "observation: expected a number from 1 to 3, found 4"),
        (spaces.Discrete(3), 1.0, "observation: expected integers of shape [], found float64 []"),
        (spaces.MultiDiscrete([2, 3]), np.array([1, 3]), "observation: expected a number from 0 to 2, found 3"),
        (spaces.MultiBinary(2), np.array([0, 2]), "observation: expected only 0 and 1, found 2"),
        (spaces.MultiBinary(2), np.array([0]), "observation: expected bits of shape [2], found int64 [1]"),
        (spaces.Dict({"a": spaces.Discrete(2)}), {"b": 1}, "a: expected a value at 'a', found dict"),
        (spaces.Tuple((spaces.Discrete(2),)), (), "0: expected a value at 0, found tuple"),
    ],
)
def test_what_is_not_of_its_space_is_refused_with_block_expected_and_found(space, value, words):
    with pytest.raises(WorldError) as caught:
        through_a_record(space, value)
    assert str(caught.value) == f"Env: observation block {words}"


def test_actions_are_counted_from_zero_and_masks_are_the_environments():
    actions = Actions.of("Env", spaces.Discrete(3, start=5))
    row = np.zeros(3, bool)
    actions.mask({}, row)
    assert (actions.count, actions.start, row.tolist()) == (3, 5, [True] * 3)
    actions.mask({"action_mask": np.array([0, 1, 0], np.int8)}, row)
    assert row.tolist() == [False, True, False]


def test_a_mask_that_allows_nothing_says_nothing_once_the_episode_is_over():
    row = np.zeros(3, bool)
    Actions.of("Env", spaces.Discrete(3)).mask({"action_mask": np.zeros(3)}, row, final=True)
    assert row.all()


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (np.ones(4), "expected 3 entries, found shape [4]"),
        (np.zeros(3), "expected at least one allowed action, found none"),
    ],
)
def test_a_mask_that_is_none_is_refused(mask, words):
    with pytest.raises(WorldError) as caught:
        Actions.of("Env", spaces.Discrete(3)).mask({"action_mask": mask}, np.zeros(3, bool))
    assert str(caught.value) == f"Env: info['action_mask']: {words}"


def test_actions_that_are_not_discrete_are_refused():
    with pytest.raises(ConfigError, match="action space: expected Discrete, found Box"):
        Actions.of("Env", spaces.Box(0.0, 1.0, (1,)))
