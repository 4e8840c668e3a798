"""Plays whole episodes of a policy and says how long they lasted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from townlet.networks.interface import QNetwork
from townlet.statistics import Mean
from townlet.td import masked_argmax
from townlet.worlds.interface import VectorWorld, View

Actions = Callable[[View], Tensor]
"""Chooses an action, int64 [L], in every lane of a view."""


@dataclass(frozen=True)
class Survival:
    """Finished episodes. steps: how long each lasted. returns: sum of each one's unscaled extrinsic rewards."""

    steps: Sequence[int]
    returns: Sequence[float]

    @property
    def mean(self) -> Mean:
        """Steps survived."""
        return Mean.of(self.steps)

    @property
    def mean_return(self) -> Mean:
        """Of the episodes' returns."""
        return Mean.of(self.returns)


def greedy(network: QNetwork) -> Actions:
    """The best valid action of each lane."""

    @torch.no_grad()
    def actions(view: View) -> Tensor:
        return masked_argmax(network(view.observation), view.action_mask)

    return actions


def play(world: VectorWorld, actions: Actions, keep_going: Callable[[], bool] = lambda: True) -> Survival:
    """One whole episode in each lane of the world; fewer when `keep_going` says no before all have finished."""
    view = world.reset()
    steps = torch.zeros(world.lanes, dtype=torch.int64, device=world.device)
    returns = torch.zeros(world.lanes, dtype=torch.float64, device=world.device)
    running = torch.ones(world.lanes, dtype=torch.bool, device=world.device)
    while running.any() and keep_going():
        step = world.step(actions(view))
        steps += running
        returns += torch.where(running, step.reward, 0.0)
        if step.dropped is not None:  # an abandoned episode counts for nothing; another one takes its place
            abandoned = step.dropped[running[step.dropped]]
            steps[abandoned], returns[abandoned] = 0, 0.0
        running &= ~(step.terminated | step.truncated)  # a lane that has reset plays on, uncounted
        view = step.view
    return Survival(steps[~running].tolist(), returns[~running].tolist())
