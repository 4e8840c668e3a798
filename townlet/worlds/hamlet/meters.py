"""What a step does to the meters, whatever the agent uses. L lanes, M meters.

Meters lie meter by meter, float32 [M, L], so that each rule runs over neighbouring lanes. Every operation is one that
IEEE 754 rounds exactly, so that a lane's meters come out the same on every device and beside any number of lanes.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from townlet.worlds.hamlet.rules import ActionsSettings, CascadesSettings, HamletSettings


@dataclass(frozen=True)
class Modulation:
    """`target` loses at_empty - saved * source. at_empty, saved: one number for all lanes, or float32 [L]."""

    source: int
    target: int
    at_empty: float | Tensor
    saved: float | Tensor


@dataclass(frozen=True)
class Cascade:
    """Where `source` is below the threshold, `target` loses factor * (threshold - source).

    factor: one number for all lanes, or float32 [L]. sees_change: whether its source has changed since one last
    looked, so that what the meters lack must be taken anew.
    """

    source: int
    target: int
    factor: float | Tensor
    sees_change: bool


@dataclass(frozen=True)
class MeterRules:
    """How meters start, decay, pull one another down, and kill.

    initial: float32 [M, 1]. decay: float32 [M, 1], or [M, L] where lanes differ.
    action_cost: float32 [M, N], N actions.
    lethal: the meters that kill at 0.
    """

    initial: Tensor
    decay: Tensor
    action_cost: Tensor
    modulations: tuple[Modulation, ...]
    threshold: float
    cascade_groups: tuple[tuple[Cascade, ...], ...]
    lethal: tuple[int, ...]

    @classmethod
    def of(cls, settings: HamletSettings, device: torch.device) -> "MeterRules":
        """The rules of a level."""
        names, cascades = settings.meter_names, settings.cascades
        index = {name: place for place, name in enumerate(names)}
        meters = [settings.meters[name] for name in names]
        return cls(
            initial=torch.tensor([[meter.initial] for meter in meters], device=device),
            decay=torch.tensor([[meter.decay] for meter in meters], device=device),
            action_cost=_action_cost(settings.actions, names, settings.action_count).to(device),
            modulations=tuple(
                Modulation(index[m.source], index[m.target], m.rate * (m.base + m.slope), m.rate * m.slope)
                for m in settings.modulations
            ),
            threshold=cascades.threshold,
            cascade_groups=_cascade_groups(cascades, index),
            lethal=tuple(meter.index for meter in meters if meter.lethal),
        )

    def acted(self, meters: Tensor, action: Tensor, gain: Tensor) -> Tensor:
        """Meters after the action, float32 [M, L]: its own cost and what an interaction gave, in one sum.

        meters, gain: float32 [M, L]. action: int64 [L].
        """
        assert meters.shape == gain.shape == (len(self.decay), len(action)), (meters.shape, gain.shape, action.shape)
        return (meters - self.action_cost.index_select(1, action)).add_(gain).clamp_(0.0, 1.0)

    def lived(self, meters: Tensor, multiplier: Tensor) -> Tensor:
        """Meters after decay, modulation and cascades, float32 [M, L]. meters: likewise. multiplier: float32 [L]."""
        assert meters.shape == (len(self.decay), len(multiplier)), (meters.shape, multiplier.shape)
        meters = (meters - self.decay * multiplier).clamp_(0.0, 1.0)
        rows = meters.unbind(0)
        for modulation in self.modulations:
            saved = rows[modulation.source] * modulation.saved
            rows[modulation.target].add_(saved.sub_(modulation.at_empty))
        meters.clamp_(0.0, 1.0)
        missing: tuple[Tensor, ...] | None = None
        for group in self.cascade_groups:
            for cascade in group:
                if missing is None or cascade.sees_change:
                    missing = meters.clamp(max=self.threshold).sub_(self.threshold).unbind(0)
                rows[cascade.target].add_(missing[cascade.source] * cascade.factor)
            meters.clamp_(0.0, 1.0)
        return meters

    def dead(self, meters: Tensor) -> Tensor:
        """Whether a lethal meter is at 0, bool [L]. meters: float32 [M, L]."""
        assert meters.shape[0] == len(self.decay), meters.shape
        least = meters[self.lethal[0]]
        for meter in self.lethal[1:]:
            least = torch.minimum(least, meters[meter])
        return least <= 0.0


def _cascade_groups(settings: CascadesSettings, index: dict[str, int]) -> tuple[tuple[Cascade, ...], ...]:
    changed: set[str] = set()
    groups = []
    for group in settings.groups:
        cascades = []
        for each in group.cascades:
            sees_change = each.source in changed
            changed = {each.target} if sees_change else changed | {each.target}
            factor = each.strength / settings.threshold
            cascades.append(Cascade(index[each.source], index[each.target], factor, sees_change))
        changed |= {each.target for each in group.cascades}  # each is back within [0, 1] after its group
        groups.append(tuple(cascades))
    return tuple(groups)


def _action_cost(actions: ActionsSettings, names: tuple[str, ...], count: int) -> Tensor:
    """float32 [M, count]."""
    by_action = [actions.move] * 4 + [actions.interact, actions.wait]
    return torch.tensor([[costs.get(name, 0.0) for costs in by_action[:count]] for name in names])
