"""What happens when an agent interacts. L lanes, A affordances, M meters, D ticks a day, K difficulties.

K is the most ticks that one use takes. A stage is "the affordance underfoot, and how many ticks are done": index
underfoot * K + progress, S = (A + 1) * K of them. No affordance counts as number A. Without temporal mechanics every
use is a single tick and everything is always open.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import torch
from torch import Tensor

from townlet.worlds.hamlet.rules import INTERACT, AffordanceSettings, DifficultySettings, HamletSettings

Gains = dict[str, float]
"""Meter -> what is added to it."""


@dataclass(frozen=True)
class Footing:
    """What each lane stands on, and its difficulty.

    underfoot, stage, hour, difficulty: int64 [L]. open: bool [L], false on no affordance.
    """

    underfoot: Tensor
    stage: Tensor
    hour: Tensor
    open: Tensor
    difficulty: Tensor


@dataclass(frozen=True)
class Interaction:
    """What came of the attempts to interact.

    done: bool [L], whether a tick succeeded. gain: float32 [M, L], what it adds to the meters, its price taken off.
    progress: int64 [L], ticks done at the affordance underfoot, for those who stay there.
    """

    done: Tensor
    gain: Tensor
    progress: Tensor


@dataclass(frozen=True)
class PaymentTerms:
    """What of paying and earning depends on the difficulty.

    free: bool [K], whether nothing costs money.
    gain: float32 [K * S], what a tick adds to the meter that pays, its price taken off; index difficulty * S + stage.
    """

    free: Tensor
    gain: Tensor


@dataclass(frozen=True)
class AffordanceRules:
    """Hours, prices and effects, as lookup tables.

    open: bool [(A + 1) * D], index affordance * D + hour.
    least_money: float32 [A + 1], what pays for a tick; infinite for none. payment: the meter that pays.
    gain: float32 [M, S], what a tick done at a stage adds: effects, on the last tick the bonus, less the price.
    progress_after: int64 [S], ticks done after a tick done at a stage.
    ticks: int64 [A + 1], how many make up one use.
    payment_terms: None where every lane pays and earns as the level says.
    """

    open: Tensor
    least_money: Tensor
    payment: int
    gain: Tensor
    progress_after: Tensor
    ticks: Tensor
    day: int
    most_ticks: int
    mask_unaffordable: bool
    payment_terms: PaymentTerms | None

    @classmethod
    def of(
        cls, settings: HamletSettings, device: torch.device, difficulties: Sequence[DifficultySettings] = ()
    ) -> "AffordanceRules":
        """The rules of a level, played at some difficulties; none: as the level has it."""
        affordances = [settings.affordances[name] for name in settings.affordance_names]
        uses = [tick_gains(affordance, settings) for affordance in affordances] + [[{}]]
        most = max(len(use) for use in uses)
        stages = _by_stage(uses)
        after = [(done + 1) % len(use) if done < len(use) else 0 for use in uses for done in range(most)]
        open_ = [_open_hours(affordance, settings) for affordance in affordances] + [[False] * settings.ticks_per_day]
        least = [_price(affordance, settings) - settings.payment.tolerance for affordance in affordances] + [inf]
        return cls(
            open=torch.tensor(open_, device=device).flatten(),
            least_money=torch.tensor(least, device=device),
            payment=settings.meters[settings.payment.meter].index,
            gain=torch.tensor([[gains.get(m, 0.0) for gains in stages] for m in settings.meter_names], device=device),
            progress_after=torch.tensor(after, device=device),
            ticks=torch.tensor([len(use) for use in uses], device=device),
            day=settings.ticks_per_day,
            most_ticks=most,
            mask_unaffordable=settings.payment.mask_unaffordable,
            payment_terms=_payment_terms(settings, difficulties, device) if difficulties else None,
        )

    def footing(self, underfoot: Tensor, progress: Tensor, steps: Tensor, difficulty: Tensor) -> Footing:
        """What lanes stand on.

        All int64 [L]: number of the affordance, ticks done there, steps of the episode, place of the difficulty.
        """
        assert underfoot.shape == progress.shape == steps.shape, (underfoot.shape, progress.shape, steps.shape)
        hour = steps % self.day
        stage = underfoot * self.most_ticks + progress
        return Footing(underfoot, stage, hour, self.open.index_select(0, underfoot * self.day + hour), difficulty)

    def can_interact(self, footing: Footing, meters: Tensor) -> Tensor:
        """Whether the action mask allows to interact, bool [L]. meters: float32 [M, L]."""
        return footing.open & self._affordable(footing, meters) if self.mask_unaffordable else footing.open

    def interact(self, footing: Footing, action: Tensor, meters: Tensor, progress: Tensor) -> Interaction:
        """One tick for all who try. action, progress: int64 [L]. meters: float32 [M, L], before the action."""
        assert meters.shape == (len(self.gain), len(action)), (meters.shape, action.shape)
        done = (action == INTERACT) & footing.open & self._affordable(footing, meters)
        # The last stage is that of no affordance, which gains nothing.
        stage = torch.where(done, footing.stage, self.gain.shape[1] - 1)
        gain = self.gain.index_select(1, stage)
        if self.payment_terms is not None:
            at = footing.difficulty * self.gain.shape[1] + stage
            gain[self.payment] = self.payment_terms.gain.index_select(0, at)
        after = torch.where(done, self.progress_after.index_select(0, footing.stage), progress)
        return Interaction(done, gain, after)

    def finishes(self, footing: Footing) -> Tensor:
        """Whether one more tick completes a use, bool [L]."""
        return self.progress_after.index_select(0, footing.stage) == 0

    def _affordable(self, footing: Footing, meters: Tensor) -> Tensor:
        """bool [L]; of no use on no affordance."""
        enough = meters[self.payment] >= self.least_money.index_select(0, footing.underfoot)
        if self.payment_terms is None:
            return enough
        return enough | self.payment_terms.free.index_select(0, footing.difficulty)


def tick_gains(
    affordance: AffordanceSettings, settings: HamletSettings, *, costs: bool = True, income: bool = True
) -> list[Gains]:
    """What each tick of one whole use adds to the meters, its price taken off.

    costs: whether there is a price. income: whether the use may bring money.
    """
    if settings.temporal:
        ticks = [dict(affordance.ticks.effects) for _ in range(affordance.ticks.count)]
        for meter, amount in affordance.ticks.bonus.items():
            ticks[-1][meter] = ticks[-1].get(meter, 0.0) + amount
    else:
        ticks = [dict(affordance.instant.effects)]
    for gains in ticks:
        money = gains.get(settings.payment.meter, 0.0)
        kept = money if income else min(money, 0.0)
        gains[settings.payment.meter] = kept - (_price(affordance, settings) if costs else 0.0)
    return ticks


def _by_stage(uses: list[list[Gains]]) -> list[Gains]:
    """S of them: what a tick adds at each stage. uses: the ticks of each affordance, at last those of none."""
    most = max(len(use) for use in uses)
    return [use[done] if done < len(use) else {} for use in uses for done in range(most)]


def _payment_terms(
    settings: HamletSettings, difficulties: Sequence[DifficultySettings], device: torch.device
) -> PaymentTerms:
    affordances = [settings.affordances[name] for name in settings.affordance_names]
    gains = []
    for each in difficulties:
        uses = [tick_gains(one, settings, costs=each.costs, income=each.income) for one in affordances] + [[{}]]
        gains += [stage.get(settings.payment.meter, 0.0) for stage in _by_stage(uses)]
    free = [not each.costs for each in difficulties]
    return PaymentTerms(torch.tensor(free, device=device), torch.tensor(gains, device=device))


def _price(affordance: AffordanceSettings, settings: HamletSettings) -> float:
    return affordance.ticks.cost if settings.temporal else affordance.instant.cost


def _open_hours(affordance: AffordanceSettings, settings: HamletSettings) -> list[bool]:
    day, (opens, closes) = settings.ticks_per_day, affordance.hours
    if not settings.temporal:
        return [True] * day
    if closes <= day:
        return [opens <= hour < closes for hour in range(day)]
    return [hour >= opens or hour < closes - day for hour in range(day)]
