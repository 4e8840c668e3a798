"""What is saved is checked in full, and the message names what is wrong with it."""

import numpy as np
import pytest
import torch

from townlet.checkpoint.form import Form, check_forms
from townlet.errors import CheckpointError

FORMS = {
    "stage": Form("int64", (2,), 0, 4),
    "weights": Form("float64", (None,), least=0.0),
    "count": Form("int", least=0),
    "name": Form("str"),
}
GOOD = {"stage": torch.tensor([0, 4]), "weights": np.array([0.5, 1e9]), "count": 3, "name": "x"}


def test_what_fits_is_taken():
    check_forms("saved", GOOD, FORMS)
    check_forms("saved", {**GOOD, "weights": np.zeros(0)}, FORMS)
    check_forms("saved", GOOD, {name: Form.of(value) for name, value in GOOD.items()})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stage": torch.tensor([0, 5])}, "saved: stage: expected values from 0 to 4, found 5"),
        ({"stage": torch.tensor([0, 1, 2])}, r"saved: stage: expected int64 \[2\], found int64 \[3\]"),
        ({"stage": torch.tensor([0.0, 1.0])}, r"saved: stage: expected int64 \[2\], found float32 \[2\]"),
        ({"weights": np.array([1.0, float("nan")])}, "saved: weights: expected values from 0 to inf, found nan"),
        ({"weights": np.zeros((1, 1))}, r"saved: weights: expected float64 \[any\], found float64 \[1, 1\]"),
        ({"count": -1}, "saved: count: expected values from 0 to inf, found -1"),
        ({"count": True}, r"saved: count: expected int \[\], found bool \[\]"),
        ({"name": None}, r"saved: name: expected str \[\], found NoneType \[\]"),
        ({"more": 1}, "saved: more is unknown; expected stage, weights, count, name"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    with pytest.raises(CheckpointError, match=message):
        check_forms("saved", {**GOOD, **change}, FORMS)


@pytest.mark.parametrize("at", [0, 3, 6])
@pytest.mark.parametrize("array", [np.array, torch.tensor])
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_one_that_is_no_number_among_many_is_found_and_an_infinite_one_is_a_number(array, kind, at):
    values = array(np.linspace(-1.0, 1.0, 7, dtype=kind))
    values[at] = float("inf")
    check_forms("saved", {"values": values}, {"values": Form.of(values)})
    values[at] = float("nan")
    with pytest.raises(CheckpointError, match="values: expected values from -inf to inf, found nan"):
        check_forms("saved", {"values": values}, {"values": Form.of(values)})


@pytest.mark.parametrize("array", [np.array, torch.tensor])
def test_truths_are_within_any_bounds(array):
    values = array([True, False])
    check_forms("saved", {"values": values, "one": values[0]}, {"values": Form("bool", (2,)), "one": Form("bool")})


def test_what_is_missing_is_named():
    with pytest.raises(CheckpointError, match="saved: count is missing"):
        check_forms("saved", {name: value for name, value in GOOD.items() if name != "count"}, FORMS)
