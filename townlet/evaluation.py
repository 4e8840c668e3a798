"""Plays whole episodes of a policy and says how long they lasted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from townlet.networks.acting import ActingNetwork
from townlet.networks.interface import QNetwork
from townlet.statistics import Mean
from townlet.td import masked_argmax
from townlet.worlds.interface import Step, VectorWorld, View

Actions = Callable[[View], Tensor]
"""Chooses an action, int64 [L], in every lane of a view."""


class Player(Protocol):
    """One who plays in all lanes of a world at once."""

    def act(self, view: View) -> Tensor:
        """Actions int64 [L]."""

    def remember(self, action: Tensor, step: Step) -> None:
        """What the actions have brought."""


class Greedy:
    """Takes the best valid action of a network in each lane."""

    def __init__(self, network: QNetwork, world: VectorWorld) -> None:
        self._acting = ActingNetwork(network, world.lanes, world.device)

    def act(self, view: View) -> Tensor:
        """See `Player`."""
        return masked_argmax(self._acting.q(view), view.action_mask)

    def remember(self, action: Tensor, step: Step) -> None:
        """See `Player`."""
        self._acting.remember(action, step)


class Forgetful(Greedy):
    """The same, but its recurrent state is cut to zero before each step: what is its memory worth?"""

    def remember(self, action: Tensor, step: Step) -> None:
        """Nothing but what was done and earned last."""
        self._acting.remember(action, step)
        self._acting.forget()


@dataclass(frozen=True)
class Reflex:
    """Acts on what it sees and remembers nothing."""

    actions: Actions

    def act(self, view: View) -> Tensor:
        """See `Player`."""
        return self.actions(view)

    def remember(self, action: Tensor, step: Step) -> None:
        """There is nothing to remember."""


class Diary(Protocol):
    """Takes note of what is done in a world, beyond how long it lasts and what it earns."""

    def note(self, counted: Tensor) -> None:
        """A step has been taken; it counts in the lanes bool [L]."""

    def figures(self) -> dict[str, float]:
        """What was done, by name."""


@dataclass(frozen=True)
class Survival:
    """Finished episodes.

    steps: how long each lasted. returns: sum of each one's unscaled extrinsic rewards. habits: what the diary says.
    """

    steps: Sequence[int]
    returns: Sequence[float]
    habits: Mapping[str, float] = field(default_factory=dict)

    @property
    def mean(self) -> Mean:
        """Steps survived."""
        return Mean.of(self.steps)

    @property
    def mean_return(self) -> Mean:
        """Of the episodes' returns."""
        return Mean.of(self.returns)


def play(
    world: VectorWorld, player: Player, diary: Diary | None = None, keep_going: Callable[[], bool] = lambda: True
) -> Survival:
    """One whole episode in each lane of the world; fewer when `keep_going` says no before all have finished."""
    view = world.reset()
    steps = torch.zeros(world.lanes, dtype=torch.int64, device=world.device)
    returns = torch.zeros(world.lanes, dtype=torch.float64, device=world.device)
    running = torch.ones(world.lanes, dtype=torch.bool, device=world.device)
    while running.any() and keep_going():
        action = player.act(view)
        step = world.step(action)
        player.remember(action, step)
        if diary is not None:
            diary.note(running)
        steps += running
        returns += torch.where(running, step.reward, 0.0)
        if step.dropped is not None:  # an abandoned episode counts for nothing; another one takes its place
            abandoned = step.dropped[running[step.dropped]]
            steps[abandoned], returns[abandoned] = 0, 0.0
        running &= ~(step.terminated | step.truncated)  # a lane that has reset plays on, uncounted
        view = step.view
    return Survival(steps[~running].tolist(), returns[~running].tolist(), diary.figures() if diary else {})
