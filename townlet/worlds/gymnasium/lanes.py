"""Several lanes, stepped one after the other by whoever calls. Needs no torch."""

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass

from townlet.worlds.gymnasium.arrays import LaneArrays
from townlet.worlds.gymnasium.lane import Lane, Limit
from townlet.worlds.gymnasium.settings import GymnasiumSettings


@dataclass(frozen=True)
class Failure:
    """An environment that was replaced. lane: its row."""

    lane: int
    reason: str


class Lanes:
    """The lanes of some rows of the arrays.

    Actions are read from the arrays, and what came of them is written there. `reset` and `step` return what failed
    and was replaced meanwhile, and raise WorldError when an environment is past help.
    """

    def __init__(
        self,
        settings: GymnasiumSettings,
        arrays: LaneArrays,
        rows: range,
        seed: int,
        first_lane: int,
        limit: Limit = nullcontext,
    ) -> None:
        """first_lane: number of row 0 among all lanes that share the seed. limit: what each call happens in."""
        self._arrays = arrays
        self._lanes = {row: Lane(settings, arrays, row, seed, first_lane + row, limit) for row in rows}

    def reset(self) -> list[Failure]:
        """Start the next episode in every lane."""
        for lane in self._lanes.values():
            lane.begin()
        return list(self._failures())

    def step(self) -> list[Failure]:
        """Take one action in every lane that is not idle."""
        for row, lane in self._lanes.items():
            if not self._arrays.idle[row]:
                lane.step()
        return list(self._failures())

    def close(self) -> None:
        """Give all environments up."""
        for lane in self._lanes.values():
            lane.close()

    def _failures(self) -> Iterator[Failure]:
        for row, lane in self._lanes.items():
            if lane.reasons:
                yield from (Failure(row, reason) for reason in lane.reasons)
                lane.reasons.clear()
