"""One step of every lane, without the reset. L lanes, M meters."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from townlet.worlds.hamlet.affordances import AffordanceRules, Footing
from townlet.worlds.hamlet.difficulty import Difficulties, Terms
from townlet.worlds.hamlet.grid import Grid
from townlet.worlds.hamlet.layout import LayoutRules
from townlet.worlds.hamlet.meters import MeterRules
from townlet.worlds.hamlet.rules import DifficultySettings, HamletSettings
from townlet.worlds.hamlet.state import State


@dataclass(frozen=True)
class Rules:
    """The rules of a level, as tables on one device.

    difficulties: those that the level is played at; None where every lane plays it as it is.
    """

    grid: Grid
    meters: MeterRules
    affordances: AffordanceRules
    layout: LayoutRules
    step_cap: int
    difficulties: Difficulties | None

    @classmethod
    def of(
        cls, settings: HamletSettings, device: torch.device, difficulties: Sequence[DifficultySettings] = ()
    ) -> "Rules":
        """The rules of a level, played at some difficulties; none: as the level has it."""
        return cls(
            grid=Grid.of(settings, device),
            meters=MeterRules.of(settings, device),
            affordances=AffordanceRules.of(settings, device, difficulties),
            layout=LayoutRules.of(settings, device),
            step_cap=settings.step_cap,
            difficulties=Difficulties.of(settings, difficulties, device) if difficulties else None,
        )

    def footing(self, state: State) -> Footing:
        """What each lane stands on."""
        underfoot = self.layout.underfoot(state.ground, state.cell)
        return self.affordances.footing(underfoot, state.progress, state.steps, state.difficulty)

    def terms(self, difficulty: Tensor) -> Terms:
        """What lanes of these difficulties live by. difficulty: int64 [L]."""
        if self.difficulties is None:
            return Terms(self.meters, self.step_cap)
        return self.difficulties.terms(self.meters, difficulty)


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
    terms = rules.terms(state.difficulty)
    meters = terms.meters.lived(acted, state.multiplier)
    steps = state.steps + 1
    terminated = rules.meters.dead(meters)
    return Outcome(
        state=replace(
            state, cell=cell, meters=meters, steps=steps, progress=interaction.progress * (cell == state.cell)
        ),
        terminated=terminated,
        truncated=(steps >= terms.step_cap) & ~terminated,
        stood_on=footing,
        interacted=interaction.done,
        meters_before=state.meters,
        meters_acted=acted,
    )
