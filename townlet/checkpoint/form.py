"""What saved values must look like, checked in full before anything is taken up. Needs neither torch nor NumPy."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from townlet.errors import CheckpointError


@dataclass(frozen=True)
class Form:
    """What a value must be.

    kind: of a tensor or an array its dtype, such as "float32"; else the name of its type, such as "int".
    shape: None stands for any length. least, most: bounds of its values, both allowed.
    """

    kind: str
    shape: tuple[int | None, ...] = ()
    least: float = -inf
    most: float = inf

    @classmethod
    def of(cls, value: Any) -> "Form":
        """The form that a value has."""
        kind, shape = _look(value)
        return cls(kind, shape)


def check_forms(what: str, found: Mapping[str, Any], forms: Mapping[str, Form]) -> None:
    """Raises CheckpointError unless there is one value for each form. what: whose they are, for the message."""
    for name in found:
        if name not in forms:
            raise CheckpointError(f"{what}: {name} is unknown; expected {', '.join(forms) or 'nothing'}")
    for name, form in forms.items():
        if name not in found:
            raise CheckpointError(f"{what}: {name} is missing")
        _check(f"{what}: {name}", found[name], form)


def _check(name: str, value: Any, form: Form) -> None:
    kind, shape = _look(value)
    fits = len(shape) == len(form.shape) and all(b in (None, a) for a, b in zip(shape, form.shape, strict=True))
    if kind != form.kind or not fits:
        raise CheckpointError(f"{name}: expected {_described(form.kind, form.shape)}, found {_described(kind, shape)}")
    if wrong := _out_of_bounds(value, form):
        raise CheckpointError(f"{name}: expected values from {form.least:g} to {form.most:g}, found {wrong[0]}")


def _out_of_bounds(value: Any, form: Form) -> list[Any]:
    """The first value that is out of bounds, or no number; nothing when all are as they should be."""
    if hasattr(value, "dtype"):
        # Looked for first in a way that makes no array of its own; what is no number is both the least and the most.
        if 0 in value.shape:
            return []
        least = value.amin() if hasattr(value, "amin") else value.min()  # of tensors, several times as fast
        if form.least <= least and (form.most == inf or value.max() <= form.most):
            return []
        possible = (value >= form.least) & (value <= form.most)
        return [value[~possible].flatten()[0].item()]
    return [value] if isinstance(value, int | float) and not form.least <= value <= form.most else []


def _look(value: Any) -> tuple[str, tuple[int, ...]]:
    if hasattr(value, "dtype"):
        return str(value.dtype).removeprefix("torch."), tuple(value.shape)
    return type(value).__name__, ()


def _described(kind: str, shape: tuple[int | None, ...]) -> str:
    lengths = ", ".join("any" if length is None else str(length) for length in shape)
    return f"{kind} [{lengths}]"
