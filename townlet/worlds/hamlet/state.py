"""The state of all lanes. L lanes, M meters, A affordances, B the side of ground (see `layout`)."""

from dataclasses import dataclass, fields

from torch import Tensor

LASTING = ("lane", "stream", "multiplier", "difficulty")
"""What a lane keeps when an episode ends."""
LAYOUT = ("place", "ground")
"""What is the same in every lane and episode of a level whose layout is fixed."""


@dataclass(frozen=True)
class State:
    """Where every lane is in its life. All tensors are contiguous.

    lane: int64 [L], its number among all lanes that share the seed. stream: int64 [L], of its random numbers, which
    follows from that. episode: int64 [L], how many came before this one.
    cell: int64 [L], y * G + x. meters: float32 [M, L].
    steps: int64 [L], taken in this episode; the hour follows from it.
    progress: int64 [L], ticks done at the affordance underfoot.
    multiplier: float32 [L], scales the meters' decay.
    difficulty: int64 [L], place among the world's difficulties; 0 where it has none.
    place: int64 [L, A], each affordance's cell. ground: uint8 [L, B * B], which follows from it.
    """

    lane: Tensor
    stream: Tensor
    episode: Tensor
    cell: Tensor
    meters: Tensor
    steps: Tensor
    progress: Tensor
    multiplier: Tensor
    difficulty: Tensor
    place: Tensor
    ground: Tensor

    def of_lanes(self, lanes: Tensor, *, one_layout: bool = False) -> "State":
        """A copy of the state of some lanes. lanes: int64 [F]. one_layout: whether all have the same, for good."""
        parts = {name: getattr(self, name) for name in _NAMES}
        same = {name: parts.pop(name)[: len(lanes)] for name in LAYOUT} if one_layout else {}
        return State(**same, **{name: part.index_select(_lane_axis(name), lanes) for name, part in parts.items()})

    def put(self, lanes: Tensor, other: "State", *, one_layout: bool = False) -> None:
        """Give some lanes another episode, in place. lanes: int64 [F]. other: of F lanes; what lasts stays as it is.

        one_layout: whether all have the same, for good.
        """
        for name in _CHANGING_WITHOUT_LAYOUT if one_layout else CHANGING:
            getattr(self, name).index_copy_(_lane_axis(name), lanes, getattr(other, name))


_NAMES = tuple(field.name for field in fields(State))
CHANGING = tuple(name for name in _NAMES if name not in LASTING)
"""What another episode has anew."""
_CHANGING_WITHOUT_LAYOUT = tuple(name for name in CHANGING if name not in LAYOUT)


def _lane_axis(name: str) -> int:
    return 1 if name == "meters" else 0
