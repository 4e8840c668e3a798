"""A rule of thumb that survives: tend to the most urgent need.

Legend: L lanes, A affordances, M meters.
"""

import torch
from torch import Tensor

from townlet.worlds.hamlet.affordances import tick_gains
from townlet.worlds.hamlet.rules import INTERACT, WAIT
from townlet.worlds.hamlet.world import HamletWorld
from townlet.worlds.interface import View

UP, DOWN, LEFT, RIGHT = range(4)

LETHAL_COMFORT, MONEY_COMFORT, COMFORT = 0.5, 0.2, 0.3
"""Below its comfort a meter is a need, the more urgent the further below."""
MARGIN = 0.15
"""What has to be left of each lethal meter after a use that takes from it."""
REMEDY = 0.1
"""A use that brings so much of a meter can save from running out of it."""
LEAST_USE = 0.04
"""What brings less of a meter is not worth the way."""
STEP_PRICE = 0.008
"""What a step on the way or at the place counts for in money."""
EFFORT = 0.04
"""Counts for money in every use, so that free ones are compared by what they bring, too."""


class Scripted:
    """The rule, for one world. It reads the world's true state and needs no training and no search.

    A use of an affordance is possible when it can be paid, is open from arrival to the last tick, and leaves enough of
    each lethal meter, and enough money for the next remedy, where it takes of one. Of the possible uses for the most
    urgent need, the one that brings most for its price, way and harm is walked to and finished. Without a need that
    can be met, the agent waits.
    """

    def __init__(self, world: HamletWorld) -> None:
        settings, device = world.settings, world.device
        self._world = world
        uses = [tick_gains(settings.affordances[name], settings) for name in settings.affordance_names]
        total = [[sum(tick.get(meter, 0.0) for tick in use) for meter in settings.meter_names] for use in uses]
        self._money = settings.meters[settings.payment.meter].index
        self._brings = torch.tensor(total, device=device)
        """What a whole use adds, float32 [A, M]."""
        self._ticks = world.rules.affordances.ticks[:-1]
        self._price = (world.rules.affordances.least_money[:-1] + settings.payment.tolerance) * self._ticks
        harm = (-self._brings).clamp(min=0.0)
        harm[:, self._money] = 0.0
        self._burden = self._price + harm.sum(dim=1)
        self._comfort = torch.tensor([_comfort(world, meter) for meter in settings.meter_names], device=device)

    def __call__(self, view: View) -> Tensor:
        """int64 [L]; `view` is the world's present one."""
        rules, state = self._world.rules, self._world.state
        way = rules.grid.xy[state.place] - rules.grid.xy[state.cell][:, None]
        moves = way.abs().sum(dim=2)
        done = torch.where(moves == 0, state.progress[:, None], 0)
        possible = self._possible(moves, self._ticks - done)
        worth = self._worth(moves, self._ticks - done).masked_fill(~possible, 0.0)
        # What has been begun is finished first.
        worth = torch.where((done > 0) & possible, torch.inf, worth)
        best, target = worth.max(dim=1)
        towards = _towards(way.gather(1, target[:, None, None].expand(-1, 1, 2)).squeeze(1))
        return torch.where(best > 0.0, towards, self._idle(view))

    def _possible(self, moves: Tensor, ticks: Tensor) -> Tensor:
        """Whether a use can be had and survived, bool [L, A]. moves, ticks: int64 [L, A], still to make and to do."""
        state, affordances = self._world.state, self._world.rules.affordances
        meters = state.meters.t()
        money = meters[:, self._money, None]
        number = torch.arange(len(self._ticks), device=moves.device) * affordances.day
        arrival = state.steps[:, None] + moves
        step_loss = _step_loss(self._world)
        possible = affordances.open[number + arrival % affordances.day]
        possible &= affordances.open[number + (arrival + ticks - 1) % affordances.day]
        possible &= money >= self._price * ticks / self._ticks - self._world.settings.payment.tolerance
        for meter in self._world.rules.meters.lethal:
            brings = self._brings[:, meter]
            left = meters[:, meter, None] - (moves + ticks) * step_loss[meter][:, None] + brings
            remedies = self._price[brings >= REMEDY]
            can_recover = left > MARGIN
            if len(remedies):
                can_recover &= money + self._brings[:, self._money] >= remedies.min()
            possible &= can_recover | (brings >= 0.0)
        return possible

    def _worth(self, moves: Tensor, ticks: Tensor) -> Tensor:
        """How much a use speaks for itself, float32 [L, A]; 0 where it meets no need. moves, ticks: int64 [L, A]."""
        meters = self._world.state.meters.t()
        need = ((self._comfort - meters) / self._comfort).clamp_(min=0.0)[:, None]
        brought = torch.minimum(self._brings, 1.0 - meters[:, None])
        efficiency = brought / (self._burden + STEP_PRICE * (moves + ticks) + EFFORT)[:, :, None]
        # An efficiency is below 1 / EFFORT, so that the more urgent need goes first and efficiency decides within one.
        urgency = need * 1e4 + efficiency
        return urgency.masked_fill_((need <= 0.0) | (brought < LEAST_USE), 0.0).amax(dim=2)

    def _idle(self, view: View) -> Tensor:
        """Waiting, int64 [L]; in a level without that, any move that stays on the grid."""
        if self._world.settings.actions.wait_enabled:
            return torch.full((self._world.lanes,), WAIT, device=self._world.device)
        return view.action_mask.to(torch.uint8).argmax(dim=1)


def _comfort(world: HamletWorld, meter: str) -> float:
    settings = world.settings
    if settings.meters[meter].lethal:
        return LETHAL_COMFORT
    return MONEY_COMFORT if meter == settings.payment.meter else COMFORT


def _step_loss(world: HamletWorld) -> dict[int, Tensor]:
    """What a move costs each lethal meter at most, cascades aside: float32 [L] by meter."""
    rules = world.rules.meters
    loss = {meter: rules.action_cost[meter, UP] + rules.decay[meter] * world.state.multiplier for meter in rules.lethal}
    for modulation in rules.modulations:
        if modulation.target in loss:
            loss[modulation.target] = loss[modulation.target] + modulation.at_empty
    return loss


def _towards(way: Tensor) -> Tensor:
    """The action that leads along a way, columns first, and at its end interacts; int64 [L]. way: int64 [L, 2]."""
    x, y = way.unbind(dim=1)
    action = torch.full_like(x, INTERACT)
    action = action.masked_fill(y < 0, UP).masked_fill(y > 0, DOWN)
    return action.masked_fill(x < 0, LEFT).masked_fill(x > 0, RIGHT)
