"""What the lanes of a world hold in common: arrays over one piece of memory, which processes may share."""

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from townlet.specs import FieldSpec

ALIGNMENT = 64
"""Every array begins at a multiple of so many bytes, a cache line."""

Array = NDArray[Any]


class LaneArrays:
    """Arrays of L lanes over a buffer.

    view, final: blocks [L, ...] of what each lane sees, and of the final view of the episode that has just ended.
    mask, final_mask: bool [L, A]. action: int64 [L]. reward: float32 [L]. terminated, truncated: bool [L].
    dropped: bool [L], the running episode is abandoned. idle: bool [L], the lane takes no part in the next step.
    steps: int64 [L], taken in the running episode; final_steps: int64 [L], in the one that has just ended.
    episode: int64 [L], number of the running one. failures: int64 [L], since the last finished one.
    calls: int64 [L], how often the lane's environment was called: a process that moves changes one of them.
    opening: bool [L], the environment is being made, which may take long.
    """

    def __init__(self, blocks: Sequence[FieldSpec], actions: int, lanes: int, buffer: Any = None) -> None:
        """buffer: `size` bytes of zeros that can be written to; None for memory of its own."""
        memory = bytearray(self.size(blocks, actions, lanes)) if buffer is None else buffer
        arrays: dict[str, Array] = {}
        at = 0
        for name, dtype, shape in _fields(blocks, actions, lanes):
            arrays[name] = np.frombuffer(memory, dtype, prod(shape), at).reshape(shape)
            at += _padded(dtype, shape)
        self.view = {block.name: arrays[f"view.{block.name}"] for block in blocks}
        self.final = {block.name: arrays[f"final.{block.name}"] for block in blocks}
        self.mask, self.final_mask = arrays["mask"], arrays["final_mask"]
        self.action, self.reward = arrays["action"], arrays["reward"]
        self.terminated, self.truncated, self.dropped = (arrays[n] for n in ("terminated", "truncated", "dropped"))
        self.opening, self.idle = arrays["opening"], arrays["idle"]
        self.steps, self.final_steps = arrays["steps"], arrays["final_steps"]
        self.episode, self.failures, self.calls = arrays["episode"], arrays["failures"], arrays["calls"]

    @staticmethod
    def size(blocks: Sequence[FieldSpec], actions: int, lanes: int) -> int:
        """Bytes that the arrays need."""
        return sum(_padded(dtype, shape) for _, dtype, shape in _fields(blocks, actions, lanes))


def _fields(blocks: Sequence[FieldSpec], actions: int, lanes: int) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    for when in ("view", "final"):
        for block in blocks:
            yield f"{when}.{block.name}", block.dtype, (lanes, *block.shape)
    for name in ("mask", "final_mask"):
        yield name, "bool", (lanes, actions)
    yield "reward", "float32", (lanes,)
    for name in ("terminated", "truncated", "dropped", "opening", "idle"):
        yield name, "bool", (lanes,)
    for name in ("action", "steps", "final_steps", "episode", "failures", "calls"):
        yield name, "int64", (lanes,)


def _padded(dtype: str, shape: tuple[int, ...]) -> int:
    return -(-prod(shape) * np.dtype(dtype).itemsize // ALIGNMENT) * ALIGNMENT
