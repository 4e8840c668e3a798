"""Observation spaces as blocks: which arrays an observation of a space becomes, and how.

    space             block
    Box               the values, in the Box's own dtype and shape; one number has shape [1]
    Discrete          uint8 [n], one-hot, `start` first
    MultiDiscrete     uint8 [sum of nvec], one one-hot after the other
    MultiBinary       uint8, of its own shape
    Dict, Tuple       the blocks of their parts, named after the key or the place: "inner.key", "0"

The block of a space that is no Dict or Tuple is called "observation".
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from townlet.errors import ConfigError, WorldError
from townlet.specs import FieldSpec

SUPPORTED = "Box, Discrete, MultiDiscrete, MultiBinary, or Dict or Tuple of these"
BOX_DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
"""What a record can hold."""

Array = NDArray[Any]
Path = tuple[Any, ...]
Writer = Callable[[Any, Array], None]
"""Puts a value into an array of its block's shape; raises MismatchedError when it is none of its space."""


class MismatchedError(Exception):
    """A value is none of its space. expected, found: in words."""

    def __init__(self, expected: object, found: object) -> None:
        super().__init__(f"expected {expected}, found {found}")


@dataclass(frozen=True)
class Block:
    """One block. path: the keys that lead to its value. write: puts a value into a row of the block's shape."""

    path: Path
    spec: FieldSpec
    write: Writer


class Blocks:
    """Everything about the observations of one environment. name: of the environment, for messages."""

    def __init__(self, name: str, space: "spaces.Space[Any]") -> None:
        """Raises ConfigError for a space that is not supported."""
        self._name = name
        self._blocks = tuple(_blocks_of(name, space, ()))
        self.specs = tuple(block.spec for block in self._blocks)
        names = [spec.name for spec in self.specs]
        if twice := {each for each in names if names.count(each) > 1}:
            raise ConfigError(
                f"world: {name}: expected observation blocks of different names, found {min(twice)} twice"
            )

    def write(self, observation: Any, rows: Mapping[str, Array], row: int) -> None:
        """Put one observation into row `row` of each block's array.

        Raises WorldError when it is none of the declared space: of another shape or dtype, or not finite.
        """
        for block in self._blocks:
            try:
                block.write(_follow(observation, block.path), rows[block.spec.name][row])
            except MismatchedError as mismatch:
                raise WorldError(f"{self._name}: observation block {block.spec.name}: {mismatch}") from None


def _blocks_of(environment: str, space: "spaces.Space[Any]", path: Path) -> Iterator[Block]:
    match space:
        case spaces.Dict():
            for key, part in space.spaces.items():
                yield from _blocks_of(environment, part, (*path, key))
        case spaces.Tuple():
            for place, part in enumerate(space.spaces):
                yield from _blocks_of(environment, part, (*path, place))
        case _:
            name = ".".join(map(str, path)) or "observation"
            try:
                dtype, shape, write = _leaf(space)
            except MismatchedError as mismatch:
                hint = (
                    f"; leave it out with world.ignore: [{name}]" if len(path) == 1 and isinstance(path[0], str) else ""
                )
                raise ConfigError(f"world: {environment}: observation block {name}: {mismatch}{hint}") from None
            yield Block(path, FieldSpec(name, dtype, shape), write)


def _leaf(space: "spaces.Space[Any]") -> tuple[str, tuple[int, ...], Writer]:
    """The dtype and shape of a space's block, and what writes it. Raises MismatchedError for what is not supported."""
    match space:
        case spaces.Box():
            if str(space.dtype) not in BOX_DTYPES or 0 in space.shape:
                raise MismatchedError(f"a Box that is not empty, of dtype {', '.join(BOX_DTYPES)}", space)
            return str(space.dtype), space.shape or (1,), _box_writer(space)
        case spaces.Discrete():
            return "uint8", (int(space.n),), _one_hot_writer(np.array([space.n]), np.array([space.start]), ())
        case spaces.MultiDiscrete():
            counts = space.nvec.flatten()
            return "uint8", (int(counts.sum()),), _one_hot_writer(counts, space.start.flatten(), space.shape)
        case spaces.MultiBinary():
            return "uint8", space.shape, _binary_writer(space.shape)
        case _:
            raise MismatchedError(SUPPORTED, space)


def _follow(observation: Any, path: Path) -> Any:
    for key in path:
        try:
            observation = observation[key]
        except (LookupError, TypeError):
            raise MismatchedError(f"a value at {key!r}", type(observation).__name__) from None
    return observation


def _box_writer(space: spaces.Box) -> Writer:
    expected = f"{space.dtype} {list(space.shape)}"
    dtype, shape, floating = space.dtype, space.shape, np.issubdtype(space.dtype, np.floating)

    def write(value: Any, row: Array) -> None:
        array = np.asarray(value)
        if array.dtype != dtype or array.shape != shape:
            raise MismatchedError(expected, f"{array.dtype} {list(array.shape)}")
        if floating and not np.isfinite(array).all():
            raise MismatchedError("finite numbers", array[~np.isfinite(array)][0])
        row[...] = array

    return write


def _one_hot_writer(counts: Array, starts: Array, shape: tuple[int, ...]) -> Writer:
    """One-hots of integers, the i-th of which is in [starts[i], starts[i] + counts[i])."""
    offsets = np.concatenate(([0], np.cumsum(counts)[:-1])) - starts
    ends = starts + counts

    def write(value: Any, row: Array) -> None:
        numbers = np.asarray(value)
        if not np.issubdtype(numbers.dtype, np.integer) or numbers.shape != shape:
            raise MismatchedError(f"integers of shape {list(shape)}", f"{numbers.dtype} {list(numbers.shape)}")
        numbers = numbers.flatten()
        if (numbers < starts).any() or (numbers >= ends).any():
            wrong = int(((numbers < starts) | (numbers >= ends)).argmax())
            raise MismatchedError(f"a number from {starts[wrong]} to {ends[wrong] - 1}", numbers[wrong])
        row[...] = 0
        row[offsets + numbers] = 1

    return write


def _binary_writer(shape: tuple[int, ...]) -> Writer:
    def write(value: Any, row: Array) -> None:
        bits = np.asarray(value)
        if bits.shape != shape:
            raise MismatchedError(f"bits of shape {list(shape)}", f"{bits.dtype} {list(bits.shape)}")
        if not np.isin(bits, (0, 1)).all():
            raise MismatchedError("only 0 and 1", bits[~np.isin(bits, (0, 1))][0])
        row[...] = bits

    return write


@dataclass(frozen=True)
class Actions:
    """A Discrete action space: IDs from 0 to `count` - 1 stand for the environment's from `start` on."""

    name: str
    count: int
    start: int

    @classmethod
    def of(cls, name: str, space: "spaces.Space[Any]") -> "Actions":
        """Raises ConfigError for another space."""
        if not isinstance(space, spaces.Discrete):
            raise ConfigError(f"world: {name}: action space: expected Discrete, found {space}")
        return cls(name, int(space.n), int(space.start))

    def mask(self, info: Mapping[str, Any], row: Array, final: bool = False) -> None:
        """Write `info["action_mask"]` into a row, bool [A]; all true without one. Raises WorldError when it is none.

        final: the episode is over, so that a mask which allows nothing any more is one that says nothing.
        """
        given = info.get("action_mask")
        if given is None:
            row[...] = True
            return
        mask = np.asarray(given)
        if mask.shape != (self.count,):
            raise WorldError(
                f"{self.name}: info['action_mask']: expected {self.count} entries, found shape {list(mask.shape)}"
            )
        row[...] = mask != 0
        if not row.any() and final:
            row[...] = True
        elif not row.any():
            raise WorldError(f"{self.name}: info['action_mask']: expected at least one allowed action, found none")


def as_reward(value: Any, name: str) -> float:
    """A reward as a float. name: of the environment. Raises WorldError when it is no number."""
    try:
        return float(np.asarray(value).item())
    except (TypeError, ValueError):
        raise WorldError(f"{name}: reward: expected a number, found {value!r}") from None
