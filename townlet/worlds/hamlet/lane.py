"""One lane as plain values, for showing it."""

from dataclasses import dataclass

import torch

from townlet.worlds.hamlet.rules import HamletSettings
from townlet.worlds.hamlet.state import State

Position = tuple[int, int]
"""(x, y) from the top left."""


@dataclass(frozen=True)
class Lane:
    """How one lane stands.

    episode: how many it has finished. steps: taken in the running one. hour: of the day.
    underfoot: the affordance it stands on. progress: ticks of its use done so far.
    meters: by name, in the order of observations. layout: where each affordance stands.
    """

    episode: int
    steps: int
    hour: int
    position: Position
    underfoot: str | None
    progress: int
    meters: dict[str, float]
    layout: dict[str, Position]
    multiplier: float


def describe_lane(settings: HamletSettings, state: State, lane: int) -> Lane:
    """One of the state's lanes. lane: its place in the state, from 0."""
    one = state.of_lanes(torch.tensor([lane], device=state.lane.device))
    cell, steps = int(one.cell), int(one.steps)
    places = zip(settings.affordance_names, one.place[0].tolist(), strict=True)
    by_cell = {place: name for name, place in places}
    return Lane(
        episode=int(one.episode),
        steps=steps,
        hour=steps % settings.ticks_per_day,
        position=_position(cell, settings.grid),
        underfoot=by_cell.get(cell),
        progress=int(one.progress),
        meters=dict(zip(settings.meter_names, one.meters[:, 0].tolist(), strict=True)),
        layout={name: _position(place, settings.grid) for place, name in by_cell.items()},
        multiplier=float(one.multiplier),
    )


def _position(cell: int, grid: int) -> Position:
    return cell % grid, cell // grid
