"""One step of every lane, without the reset. L lanes, M meters."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from townlet.worlds.hamlet.affordances import AffordanceRules, Footing
from townlet.worlds.hamlet.grid import Grid
from townlet.worlds.hamlet.layout import LayoutRules
from townlet.worlds.hamlet.meters import MeterRules
from townlet.worlds.hamlet.rules import HamletSettings
from townlet.worlds.hamlet.state import State


@dataclass(frozen=True)
class Rules:
    """The rules of a level, as tables on one device."""

    grid: Grid
    meters: MeterRules
    affordances: AffordanceRules
    layout: LayoutRules
    step_cap: int

    @classmethod
    def of(cls, settings: HamletSettings, device: torch.device) -> "Rules":
        """The rules of a level."""
        return cls(
            grid=Grid.of(settings, device),
            meters=MeterRules.of(settings, device),
            affordances=AffordanceRules.of(settings, device),
            layout=LayoutRules.of(settings, device),
            step_cap=settings.step_cap,
        )

    def footing(self, state: State) -> Footing:
        """What each lane stands on."""
        underfoot = self.layout.underfoot(state.ground, state.cell)
        return self.affordances.footing(underfoot, state.progress, state.steps)


@dataclass(frozen=True)
class Outcome:
    """What a step did.

    state: after it; ended lanes are as they ended.
    terminated, truncated: bool [L], never both.
    stood_on: what the lanes stood on when they acted. interacted: bool [L], whether a tick of it succeeded.
    meters_before, meters_acted: float32 [M, L], before and right after the action.
    """

    state: State
    terminated: Tensor
    truncated: Tensor
    stood_on: Footing
    interacted: Tensor
    meters_before: Tensor
    meters_acted: Tensor


def advance(rules: Rules, state: State, footing: Footing, action: Tensor) -> Outcome:
    """One step of every lane. Nothing that it is given changes.

    footing: what the lanes of `state` stand on. action: int64 [L], each in range.
    """
    assert action.shape == state.cell.shape, (action.shape, state.cell.shape)
    cell = rules.grid.moved(state.cell, action)
    interaction = rules.affordances.interact(footing, action, state.meters, state.progress)
    acted = rules.meters.acted(state.meters, action, interaction.gain)
    meters = rules.meters.lived(acted, state.multiplier)
    steps = state.steps + 1
    terminated = rules.meters.dead(meters)
    return Outcome(
        state=replace(
            state, cell=cell, meters=meters, steps=steps, progress=interaction.progress * (cell == state.cell)
        ),
        terminated=terminated,
        truncated=(steps >= rules.step_cap) & ~terminated,
        stood_on=footing,
        interacted=interaction.done,
        meters_before=state.meters,
        meters_acted=acted,
    )
