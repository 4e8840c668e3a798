"""Running episodes, saved as what was done in them: an environment that keeps to its seed lives them again the same."""

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from townlet.errors import CheckpointError
from townlet.worlds.gymnasium.arrays import LaneArrays

Array = NDArray[Any]


class Repeats:
    """The actions of the running episodes. name: of the environment. step_cap: the longest that an episode can be."""

    def __init__(self, name: str, arrays: LaneArrays, step_cap: int) -> None:
        self._name = name
        self._arrays = arrays
        self._rows = np.arange(len(arrays.action))
        self._done = np.zeros((len(self._rows), step_cap), np.int32)

    def note(self) -> None:
        """The actions that stand in the arrays are about to be taken."""
        self._done[self._rows, self._arrays.steps] = self._arrays.action

    def state(self) -> dict[str, Array]:
        """steps: int64 [L], of the running episodes. done: int32 [sum of steps]. sight: uint8 [32], of all lanes."""
        steps = self._arrays.steps
        filled = np.arange(self._done.shape[1]) < steps[:, None]
        return {"steps": steps.copy(), "done": self._done[filled], "sight": self._sight()}

    def check(self, steps: Array, done: Array) -> None:
        """Raises CheckpointError unless they can have been saved here."""
        cap = self._done.shape[1]
        if (steps < 0).any() or (steps >= cap).any() or len(done) != steps.sum():
            raise CheckpointError(
                f"saved world: steps: expected from 0 to {cap - 1} in each lane and an action for each, found "
                f"{steps.tolist()} and {len(done)} actions"
            )

    def live_again(self, steps: Array, done: Array, sight: Array, step: Callable[[], object]) -> None:
        """Take the saved actions in episodes that have just begun. step: of all lanes that are not idle.

        Raises CheckpointError when they do not lead where they led before: the environment is of no use then.
        """
        arrays = self._arrays
        filled = np.arange(self._done.shape[1]) < steps[:, None]
        self._done[filled] = done
        for at in range(int(steps.max(initial=0))):
            arrays.idle[:] = at >= steps
            arrays.action[:] = self._done[:, at]
            step()
        arrays.idle[:] = False
        if not (arrays.steps == steps).all() or not (self._sight() == sight).all():
            raise CheckpointError(
                f"{self._name}: the same seeds and actions do not lead to the same observations, so that its running "
                "episodes cannot be taken up: lockstep needs an environment that depends on nothing else"
            )

    def _sight(self) -> Array:
        """SHA-256 of all that the lanes see."""
        seen = b"".join(block.tobytes() for block in (*self._arrays.view.values(), self._arrays.mask))
        return np.frombuffer(hashlib.sha256(seen).digest(), np.uint8)
