"""One step of a greedy episode, for showing it."""

from dataclasses import dataclass
from typing import Generic, TypeVar

Lane = TypeVar("Lane")
"""What a world tells of one of its lanes."""


@dataclass(frozen=True)
class Moment(Generic[Lane]):
    """One step of an episode.

    lane: as it was before the action. q, action_mask: of each action. reward: unscaled; total: since the episode began.
    last: the episode ended with this step. died: it ended by itself, not at the cap.
    """

    lane: Lane
    q: tuple[float, ...]
    action_mask: tuple[bool, ...]
    action: int
    reward: float
    total: float
    last: bool
    died: bool
