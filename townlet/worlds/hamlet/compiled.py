"""The rules of a level by compiled code, for CPUs: see `kernels.c`, and its legend."""

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from townlet.compiled_code import compiled_function
from townlet.worlds.hamlet.affordances import Footing, PaymentTerms
from townlet.worlds.hamlet.difficulty import Difficulties
from townlet.worlds.hamlet.dynamics import Outcome, Rules
from townlet.worlds.hamlet.meters import Cascade, Modulation
from townlet.worlds.hamlet.observation import Observer
from townlet.worlds.hamlet.rules import DifficultySettings, HamletSettings
from townlet.worlds.hamlet.state import CHANGING, State
from townlet.worlds.interface import View

BLOCKS = ("cell", "affordances", "window", "position", "meters", "underfoot", "temporal")
"""Every block that a level may show, in the order in which `hamlet_view` takes them."""


class CompiledMechanics:
    """One pass over the lanes for each function. A `Mechanics`."""

    def __init__(self, library: ctypes.CDLL, settings: HamletSettings, rules: Rules, observer: Observer) -> None:
        """rules, observer: those of the settings, on the CPU."""
        self._layout, self._actions, self._blocks = rules.layout, rules.grid.actions, observer.blocks
        self._tables = _tables(settings, rules, observer)
        """Kept for the compiled code, which knows only where they lie."""
        self._rules = _structure(_numbers(rules, observer), rules.meters.threshold, self._tables)
        self._footing = self._function(library.hamlet_footing, tensors=9)
        self._advance = self._function(library.hamlet_advance, tensors=19)
        self._begin = self._function(library.hamlet_begin, numbers=2, tensors=10)
        self._view = self._function(library.hamlet_view, numbers=1, tensors=11 + len(BLOCKS))

    def footing(self, state: State) -> Footing:
        """See `Rules.footing`."""
        return Footing(*self._stood_on(state, None), state.difficulty)

    def advance(self, state: State, footing: Footing, action: Tensor) -> Outcome:
        """See `dynamics.advance`."""
        assert action.shape == state.cell.shape, (action.shape, state.cell.shape)
        gained, cell, steps, progress = _integers(4, len(action))
        interacted, terminated, truncated = torch.empty(3, len(action), dtype=torch.bool).unbind(0)
        acted, meters = torch.empty(2, *state.meters.shape).unbind(0)
        before = (state.cell, state.meters, state.steps, state.progress, state.multiplier, state.difficulty)
        stood_on = (footing.underfoot, footing.stage, footing.open)
        after = (cell, steps, progress, interacted, terminated, truncated, acted, meters)
        self._advance(len(action), action.contiguous(), *before, *stood_on, gained, *after)
        return Outcome(
            state=replace(state, cell=cell, meters=meters, steps=steps, progress=progress),
            terminated=terminated,
            truncated=truncated,
            stood_on=footing,
            interacted=interacted,
            meters_before=state.meters,
            meters_acted=acted,
        )

    def begin(self, ended: State, run_episodes: int) -> State:
        """See `episodes.begin`."""
        changing = {name: getattr(ended, name).clone() for name in CHANGING}
        fresh = replace(ended, **changing)
        self._start(fresh, None, run_episodes)
        return fresh

    def view(self, state: State, footing: Footing) -> View:
        """See `Observer.view`."""
        return self._seen(state, None, (footing.underfoot, footing.stage, footing.hour, footing.open))

    def restart(self, state: State, lanes: Tensor, run_episodes: int) -> tuple[View, Tensor]:
        """See `Mechanics.restart`."""
        view = self._seen(state, lanes, self._stood_on(state, lanes))
        steps = state.steps.index_select(0, lanes)
        self._start(state, lanes, run_episodes)
        return view, steps

    def _stood_on(self, state: State, lanes: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Underfoot, stage, hour and whether it is open, of some lanes, int64 [F], or of all."""
        count = _count(state, lanes)
        underfoot, stage, hour = _integers(3, count)
        is_open = torch.empty(count, dtype=torch.bool)
        where = (lanes, state.cell, state.steps, state.progress, state.ground)
        self._footing(count, *where, underfoot, stage, hour, is_open)
        return underfoot, stage, hour, is_open

    def _seen(self, state: State, lanes: Tensor | None, stood_on: tuple[Tensor, ...]) -> View:
        """What some lanes, or all, see. stood_on: by them, see `_stood_on`."""
        count = _count(state, lanes)
        mask = torch.empty(count, self._actions, dtype=torch.bool)
        seen = {name: torch.empty(count, *shape, dtype=dtype) for name, (shape, dtype) in self._blocks.items()}
        where = (lanes, state.cell, state.meters, state.difficulty, state.place, state.ground)
        self._view(count, len(state.cell), *where, *stood_on, mask, *map(seen.get, BLOCKS))
        return View(seen, mask)

    def _start(self, state: State, lanes: Tensor | None, run_episodes: int) -> None:
        """Have some lanes, or all, begin their next episode, in place."""
        is_random, keys = self._layout.is_random(run_episodes), torch.empty(self._layout.cells, dtype=torch.int64)
        written = [getattr(state, name) for name in CHANGING]
        self._begin(_count(state, lanes), len(state.cell), is_random, lanes, state.stream, keys, *written)

    def _function(self, compiled: Any, *, tensors: int, numbers: int = 0) -> Callable[..., None]:
        """Takes the number of lanes, `numbers` more, and the tensors."""
        at = ctypes.addressof(self._rules)
        return partial(compiled_function(compiled, numbers=2 + numbers, tensors=tensors), at)


def _count(state: State, lanes: Tensor | None) -> int:
    return len(state.cell if lanes is None else lanes)


def _integers(count: int, lanes: int) -> tuple[Tensor, ...]:
    """That many new tensors, int64 [lanes]."""
    return torch.empty(count, lanes, dtype=torch.int64).unbind(0)


def _structure(numbers: dict[str, int], threshold: float, tables: dict[str, Tensor | None]) -> ctypes.Structure:
    """What `kernels.c` knows as Rules: its fields are these, in this order."""
    counted = [(name, ctypes.c_int64) for name in numbers]
    looked_up = [(name, ctypes.c_void_p) for name in tables]
    form: type[ctypes.Structure] = type(
        "Rules", (ctypes.Structure,), {"_fields_": [*counted, ("threshold", ctypes.c_float), *looked_up]}
    )
    at = {name: None if table is None else table.data_ptr() for name, table in tables.items()}
    return form(**numbers, threshold=threshold, **at)


def _numbers(rules: Rules, observer: Observer) -> dict[str, int]:
    """What is one number for all lanes."""
    affordances, layout, meters = rules.affordances, rules.layout, rules.meters
    return {
        "actions": rules.grid.actions,
        "cells": layout.cells,
        "meters": len(meters.decay),
        "affordances": len(layout.place),
        "stages": affordances.gain.shape[1],
        "most_ticks": affordances.most_ticks,
        "day": affordances.day,
        "difficulties": 1 if rules.difficulties is None else len(rules.difficulties.step_cap),
        "ground": len(layout.empty),
        "window": len(layout.window_offsets),
        "planes": observer.blocks["window"][0][0] if "window" in observer.blocks else 0,
        "modulations": len(meters.modulations),
        "groups": len(meters.cascade_groups),
        "lethals": len(meters.lethal),
        "payment": affordances.payment,
        "mask_unaffordable": affordances.mask_unaffordable,
    }


def _tables(settings: HamletSettings, rules: Rules, observer: Observer) -> dict[str, Tensor | None]:
    """What is looked up; None for what the level lacks."""
    grid, affordances, layout, meters = rules.grid, rules.affordances, rules.layout, rules.meters
    as_it_is = [DifficultySettings()]
    difficulties = rules.difficulties or Difficulties.of(settings, as_it_is, layout.place.device)
    paying = affordances.payment_terms or PaymentTerms(torch.tensor([False]), affordances.gain[affordances.payment])
    cascades = [cascade for group in meters.cascade_groups for cascade in group]
    tables = {
        "destination": grid.destination,
        "action_mask": grid.action_mask,
        "relative": grid.relative,
        "action_cost": meters.action_cost,
        "initial": meters.initial,
        "decay": difficulties.decay,
        "coefficients": difficulties.coefficients,
        "modulated": _ends(meters.modulations),
        "cascaded": _ends(cascades),
        "group_end": torch.tensor([len(group) for group in meters.cascade_groups], dtype=torch.int64).cumsum(0),
        "lethal": torch.tensor(meters.lethal),
        "step_cap": difficulties.step_cap,
        "gain": affordances.gain,
        "payment_gain": paying.gain,
        "free": paying.free,
        "least_money": affordances.least_money,
        "progress_after": affordances.progress_after,
        "open": affordances.open,
        "clock": observer.clock,
        "place": layout.place,
        "shared": layout.shared,
        "empty": layout.empty,
        "inner": layout.inner,
        "corner": layout.corner,
        "window_offsets": layout.window_offsets,
        "fixed_windows": observer.fixed_windows,
    }
    return {name: None if table is None else table.contiguous() for name, table in tables.items()}


def _ends(pulls: Sequence[Modulation | Cascade]) -> Tensor:
    """Source and target of each, int64 [count, 2]."""
    return torch.tensor([[pull.source, pull.target] for pull in pulls], dtype=torch.int64)
