"""The state of all lanes. L lanes, M meters, A affordances, B the side of ground (see `layout`)."""

from dataclasses import dataclass, fields

from torch import Tensor

LASTING = ("lane", "multiplier", "difficulty")
"""What a lane keeps when an episode ends."""


@dataclass(frozen=True)
class State:
    """Where every lane is in its life.

    lane: int64 [L], its number among all lanes that share the seed. episode: int64 [L], how many came before this one.
    cell: int64 [L], y * G + x. meters: float32 [M, L].
    steps: int64 [L], taken in this episode; the hour follows from it.
    progress: int64 [L], ticks done at the affordance underfoot.
    multiplier: float32 [L], scales the meters' decay.
    difficulty: int64 [L], place among the world's difficulties; 0 where it has none.
    place: int64 [L, A], each affordance's cell. ground: uint8 [L, B * B], which follows from it.
    """

    lane: Tensor
    episode: Tensor
    cell: Tensor
    meters: Tensor
    steps: Tensor
    progress: Tensor
    multiplier: Tensor
    difficulty: Tensor
    place: Tensor
    ground: Tensor

    def of_lanes(self, lanes: Tensor) -> "State":
        """A copy of the state of some lanes. lanes: int64 [F]."""
        parts = {field.name: getattr(self, field.name) for field in fields(self)}
        return State(**{name: part.index_select(_lane_axis(name), lanes) for name, part in parts.items()})

    def put(self, lanes: Tensor, other: "State") -> None:
        """Give some lanes another episode, in place. lanes: int64 [F]. other: of F lanes; what lasts stays as it is."""
        for field in fields(self):
            if field.name not in LASTING:
                getattr(self, field.name).index_copy_(_lane_axis(field.name), lanes, getattr(other, field.name))


def _lane_axis(name: str) -> int:
    return 1 if name == "meters" else 0
