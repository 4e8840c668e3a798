"""Everything that an object is made of, down to its numbers."""

import dataclasses
import random
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from townlet.checkpoint import philox

ATOMS = (int, float, str, bool, bytes, type(None))


def leaves(root: object, path: str = "") -> Iterator[tuple[str, Any]]:
    """Path and value of every number, array, tensor and generator that can be reached. Objects are entered once."""
    return _walk(root, path, {})


def _walk(value: Any, path: str, seen: dict[int, Any]) -> Iterator[tuple[str, Any]]:
    if isinstance(value, ATOMS):
        yield path, value
        return
    if id(value) in seen:
        return
    seen[id(value)] = value  # kept, so that no other object gets its ID
    if isinstance(value, torch.Tensor):
        yield path, (str(value.dtype), tuple(value.shape), value.detach().cpu().numpy().tobytes())
        return
    if isinstance(value, np.ndarray):
        yield path, (str(value.dtype), value.shape, value.tobytes())
        return
    if isinstance(value, torch.Generator):
        yield f"{path} (generator)", value.get_state().numpy().tobytes()
        return
    if isinstance(value, np.random.Generator):
        yield f"{path} (generator)", repr(philox.state(value))
        return
    if isinstance(value, random.Random):
        yield f"{path} (generator)", repr(value.getstate())
        return
    for name, part in _parts(value):
        yield from _walk(part, f"{path}{name}", seen)


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, torch.nn.Module):
        yield from ((f".{name}", part) for name, part in value.state_dict().items())
    if isinstance(value, Mapping):
        yield from ((f"[{key}]", part) for key, part in value.items())
    elif isinstance(value, (list, tuple, deque, set, frozenset)):
        yield from ((f"[{at}]", part) for at, part in enumerate(value))
    elif dataclasses.is_dataclass(value) or type(value).__module__.split(".")[0] in OURS:
        yield from ((f".{name}", part) for name, part in vars(value).items())


OURS = ("actor", "learner", "replay_service", "townlet", "test_completeness", "small_actor", "small_learner")


def differences(one: object, other: object) -> list[str]:
    """Paths at which two objects of one kind are not the same."""
    mine, theirs = dict(leaves(one)), dict(leaves(other))
    return sorted(path for path in mine.keys() | theirs.keys() if mine.get(path) != theirs.get(path))
