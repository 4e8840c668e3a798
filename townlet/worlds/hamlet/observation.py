"""What an agent sees: the blocks that `spec.environment_spec` describes.

Legend: L lanes, C cells, A affordances, M meters, W the window's side, D ticks a day, S stages (see `affordances`).
"""

from math import pi

import torch
from torch import Tensor

from townlet.worlds.hamlet.affordances import AffordanceRules, Footing
from townlet.worlds.hamlet.dynamics import Rules
from townlet.worlds.hamlet.rules import HamletSettings
from townlet.worlds.hamlet.spec import environment_spec
from townlet.worlds.hamlet.state import State
from townlet.worlds.interface import View


class Observer:
    """Makes views. All that depends on the cell, the hour or the stage alone is looked up."""

    def __init__(self, settings: HamletSettings, rules: Rules) -> None:
        """rules: those of the settings, on the device of the states to come."""
        self._rules = rules
        self._typed = settings.observation == "typed"
        blocks = {
            "cell": self._cell,
            "affordances": self._affordances,
            "window": self._window,
            "position": self._position,
            "meters": self._meters,
            "underfoot": self._underfoot,
            "temporal": self._temporal,
        }
        spec = environment_spec(settings)
        self._makers = {block.name: blocks[block.name] for block in spec.observation}
        self.blocks = {block.name: (block.shape, getattr(torch, block.dtype)) for block in spec.observation}
        """Name -> shape and dtype, in their order."""
        layout, affordances = rules.layout, rules.affordances
        device, cells = layout.place.device, layout.cells
        self._underfoot_one_hot = torch.eye(len(affordances.ticks), dtype=torch.uint8, device=device)
        self._open_by_hour = affordances.open.view(-1, affordances.day)[:-1].t().float()
        self.clock = _clock(affordances)
        """The temporal block of every stage and hour, float32 [S * D, 3], index stage * D + hour."""
        self.fixed_windows: Tensor | None = None
        """The window around every cell, uint8 [C, 1 or A + 1, W, W]; None where layouts differ, or without windows."""
        if layout.random_after is None and "window" in self._makers:
            ground = layout.ground(layout.place[None]).expand(cells, -1)
            self.fixed_windows = self._windows(ground, torch.arange(cells, device=device))

    def view(self, state: State, footing: Footing) -> View:
        """What the agents see, in new tensors. footing: what the lanes of `state` stand on."""
        observation = {name: block(state, footing) for name, block in self._makers.items()}
        can_interact = self._rules.affordances.can_interact(footing, state.meters)
        return View(observation, self._rules.grid.mask(state.cell, can_interact))

    def _cell(self, state: State, _: Footing) -> Tensor:
        """uint8 [L, C]."""
        blank = torch.zeros(len(state.cell), self._rules.layout.cells, dtype=torch.uint8, device=state.cell.device)
        return blank.scatter_(1, state.cell[:, None], 1)

    def _affordances(self, state: State, footing: Footing) -> Tensor:
        """float32 [L, A, 3]."""
        xy = self._rules.grid.relative.index_select(0, state.place.flatten()).view(*state.place.shape, 2)
        return torch.cat((xy, self._open_by_hour.index_select(0, footing.hour)[:, :, None]), dim=2)

    def _window(self, state: State, _: Footing) -> Tensor:
        """uint8 [L, 1 or A + 1, W, W]."""
        if self.fixed_windows is not None:
            return self.fixed_windows.index_select(0, state.cell)
        return self._windows(state.ground, state.cell)

    def _windows(self, ground: Tensor, cell: Tensor) -> Tensor:
        """uint8 [L, 1 or A + 1, W, W]. ground: uint8 [L, B * B]. cell: int64 [L]."""
        codes = self._rules.layout.window(ground, cell)
        none = self._rules.layout.place.shape[0]
        if not self._typed:
            return (codes < none).to(torch.uint8).view(-1, *self.blocks["window"][0])
        # The plane for cells off the grid has the number of "none", whose cells write a 0 there.
        planes = torch.zeros(len(codes), none + 1, codes.shape[1], dtype=torch.uint8, device=codes.device)
        plane = codes.clamp(max=none).to(torch.int64)[:, None]
        return planes.scatter_(1, plane, (codes != none).to(torch.uint8)[:, None]).view(-1, *self.blocks["window"][0])

    def _position(self, state: State, _: Footing) -> Tensor:
        """float32 [L, 2]."""
        return self._rules.grid.relative.index_select(0, state.cell)

    def _meters(self, state: State, _: Footing) -> Tensor:
        """float32 [L, M]."""
        return state.meters.t().clone(memory_format=torch.contiguous_format)

    def _underfoot(self, _: State, footing: Footing) -> Tensor:
        """uint8 [L, A + 1]."""
        return self._underfoot_one_hot.index_select(0, footing.underfoot)

    def _temporal(self, _: State, footing: Footing) -> Tensor:
        """float32 [L, 3]."""
        return self.clock.index_select(0, footing.stage * self._rules.affordances.day + footing.hour)


def _clock(rules: AffordanceRules) -> Tensor:
    """The temporal block of every stage and hour, float32 [S * D, 3], index stage * D + hour."""
    device = rules.ticks.device
    angle = torch.arange(rules.day, dtype=torch.float64) * (2.0 * pi / rules.day)
    hours = torch.stack((angle.sin(), angle.cos()), dim=1).to(device, torch.float32)
    progress = (torch.arange(rules.most_ticks, device=device) / rules.ticks[:, None]).flatten()
    block = torch.empty(len(progress), rules.day, 3, device=device)
    block[:, :, :2] = hours
    block[:, :, 2] = progress[:, None]
    return block.flatten(0, 1)
