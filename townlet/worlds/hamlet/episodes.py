"""How episodes begin. F lanes that start one."""

from dataclasses import replace

import torch
from torch import Tensor

from townlet.worlds.hamlet.dynamics import Rules
from townlet.worlds.hamlet.layout import random_place
from townlet.worlds.hamlet.state import State
from townlet.worlds.random_stream import below, bits_of_streams, lane_streams

BEFORE_THE_FIRST = -1
"""Number of the episode that a lane is in until it is first reset."""


def unborn(rules: Rules, seed: Tensor, lane: Tensor, multiplier: Tensor) -> State:
    """Lanes that have not begun an episode. seed: int64 []. lane: int64 [F]. multiplier: float32 [F]."""
    place = rules.layout.place.repeat(len(lane), 1)
    return State(
        lane=lane,
        stream=lane_streams(seed, lane),
        episode=torch.full_like(lane, BEFORE_THE_FIRST),
        cell=torch.zeros_like(lane),
        meters=rules.meters.initial.repeat(1, len(lane)),
        steps=torch.zeros_like(lane),
        progress=torch.zeros_like(lane),
        multiplier=multiplier,
        difficulty=torch.zeros_like(lane),
        place=place,
        ground=rules.layout.ground(place),
    )


def begin(rules: Rules, ended: State, run_episodes: int) -> State:
    """The first state of the episodes that follow. Nothing that it is given changes.

    A lane's start depends on nothing but the seed, its number and the episode's, and on whether layouts are random.
    ended: the lanes as their last episode left them. run_episodes: finished in the whole run.
    """
    episode, cells = ended.episode + 1, rules.layout.cells
    random_layout = rules.layout.is_random(run_episodes)
    bits = bits_of_streams(ended.stream, episode, draws=1 + cells if random_layout else 1)
    fresh = replace(
        ended,
        episode=episode,
        cell=below(bits[:, 0], cells),
        meters=rules.meters.initial.repeat(1, len(episode)),
        steps=torch.zeros_like(episode),
        progress=torch.zeros_like(episode),
    )
    if rules.layout.shared is not None:
        return fresh
    fixed = rules.layout.place.repeat(len(episode), 1)
    place = random_place(bits[:, 1:], affordances=len(rules.layout.place)) if random_layout else fixed
    return replace(fresh, place=place, ground=rules.layout.ground(place))
