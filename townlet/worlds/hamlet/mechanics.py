"""What the rules of a level do to all lanes at once, in two forms that give the same bits."""

from typing import Protocol

import torch
from torch import Tensor

from townlet.worlds.hamlet.affordances import Footing
from townlet.worlds.hamlet.compiled import CompiledMechanics
from townlet.worlds.hamlet.dynamics import Outcome, Rules, advance
from townlet.worlds.hamlet.episodes import begin
from townlet.worlds.hamlet.kernels import kernels
from townlet.worlds.hamlet.observation import Observer
from townlet.worlds.hamlet.rules import HamletSettings
from townlet.worlds.hamlet.state import State
from townlet.worlds.interface import View


class Mechanics(Protocol):
    """The rules at work. Nothing that a function is given changes, but for `restart`, and what it returns is new.

    Shapes and dtypes are those of `State` and `Footing`; a state may be of any number of lanes.
    """

    def footing(self, state: State) -> Footing:
        """What each lane stands on."""

    def advance(self, state: State, footing: Footing, action: Tensor) -> Outcome:
        """One step of every lane. footing: that of `state`. action: int64 [L], each in range."""

    def begin(self, ended: State, run_episodes: int) -> State:
        """The first state of the episodes that follow. run_episodes: finished in the whole run."""

    def view(self, state: State, footing: Footing) -> View:
        """What the agents see. footing: that of `state`."""

    def restart(self, state: State, lanes: Tensor, run_episodes: int) -> tuple[View, Tensor]:
        """Have some lanes begin their next episode, in place; what they saw last, [F, ...], and after how many steps.

        lanes: int64 [F]. run_episodes: see `begin`. Returns the steps as int64 [F].
        """


class TensorMechanics:
    """By operations on tensors, on any device. A `Mechanics`."""

    def __init__(self, rules: Rules, observer: Observer) -> None:
        self._rules = rules
        self.footing = rules.footing
        self.view = observer.view

    def advance(self, state: State, footing: Footing, action: Tensor) -> Outcome:
        """See `dynamics.advance`."""
        return advance(self._rules, state, footing, action)

    def begin(self, ended: State, run_episodes: int) -> State:
        """See `episodes.begin`."""
        return begin(self._rules, ended, run_episodes)

    def restart(self, state: State, lanes: Tensor, run_episodes: int) -> tuple[View, Tensor]:
        """See `Mechanics.restart`."""
        one_layout = self._rules.layout.shared is not None
        last = state.of_lanes(lanes, one_layout=one_layout)
        view = self.view(last, self.footing(last))
        state.put(lanes, self.begin(last, run_episodes), one_layout=one_layout)
        return view, last.steps


def build_mechanics(settings: HamletSettings, rules: Rules, device: torch.device, *, compiled: bool) -> Mechanics:
    """By compiled code, if that is wanted, on a CPU and where it was built; by tensors elsewhere."""
    observer = Observer(settings, rules)
    library = kernels() if compiled and device.type == "cpu" else None
    return (
        TensorMechanics(rules, observer) if library is None else CompiledMechanics(library, settings, rules, observer)
    )
