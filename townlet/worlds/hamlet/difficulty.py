"""Difficulties: what the stages of a curriculum make of a level's rules. L lanes, M meters, K difficulties.

A lane's difficulty is its place among the K. What a difficulty does to prices is in `affordances`, to rewards in
`reward`; here is what it does to the meters and to the cap.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from townlet.worlds.hamlet.meters import MeterRules
from townlet.worlds.hamlet.rules import DifficultySettings, HamletSettings


@dataclass(frozen=True)
class Terms:
    """What lanes live by. step_cap: one for all lanes, or int64 [L]."""

    meters: MeterRules
    step_cap: int | Tensor


@dataclass(frozen=True)
class Difficulties:
    """The K difficulties as lookup tables.

    decay: float32 [M, K], times the difficulty's multiplier; 0 for a meter that does not decay.
    coefficients: float32 [C, K]: at_empty and saved of each modulation, then the factor of each cascade, in the order
        of `MeterRules`; 0 where an end of it does not decay.
    step_cap: int64 [K].
    """

    decay: Tensor
    coefficients: Tensor
    step_cap: Tensor

    @classmethod
    def of(
        cls, settings: HamletSettings, difficulties: Sequence[DifficultySettings], device: torch.device
    ) -> "Difficulties":
        """The difficulties of a level; at least one."""
        names, rules = settings.meter_names, MeterRules.of(settings, torch.device("cpu"))
        part = torch.tensor(
            [[each.decaying is None or name in each.decaying for each in difficulties] for name in names]
        )
        multiplier = torch.tensor([each.multiplier for each in difficulties], dtype=torch.float64)
        decay = torch.tensor([[settings.meters[name].decay] for name in names], dtype=torch.float64)
        rows = [
            (part[m.source] & part[m.target]) * value for m in rules.modulations for value in (m.at_empty, m.saved)
        ] + [(part[c.source] & part[c.target]) * c.factor for group in rules.cascade_groups for c in group]
        return cls(
            decay=(decay * multiplier * part).to(device, torch.float32),
            coefficients=torch.stack(rows).to(device) if rows else torch.zeros(0, len(difficulties), device=device),
            step_cap=torch.tensor([each.step_cap or settings.step_cap for each in difficulties], device=device),
        )

    def terms(self, level: MeterRules, difficulty: Tensor) -> Terms:
        """What lanes of these difficulties live by. level: its rules. difficulty: int64 [L]."""
        row = iter(self.coefficients.index_select(1, difficulty).unbind(0))
        meters = replace(
            level,
            decay=self.decay.index_select(1, difficulty),
            modulations=tuple(replace(m, at_empty=next(row), saved=next(row)) for m in level.modulations),
            cascade_groups=tuple(tuple(replace(c, factor=next(row)) for c in group) for group in level.cascade_groups),
        )
        return Terms(meters, self.step_cap.index_select(0, difficulty))
