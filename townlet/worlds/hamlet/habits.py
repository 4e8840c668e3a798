"""What agents do in the town: which affordances they use, and whether they work before they pay. L lanes.

Work is whatever brings money; all that costs some is paid care.
"""

import torch
from torch import Tensor

from townlet.worlds.hamlet.affordances import tick_gains
from townlet.worlds.hamlet.rules import HamletSettings
from townlet.worlds.hamlet.world import HamletWorld


class Habits:
    """Watches one episode in each lane of a world, a `townlet.evaluation.Diary`."""

    def __init__(self, world: HamletWorld) -> None:
        self._world = world
        self._names = world.settings.affordance_names
        self._works, self._pays = (
            torch.tensor([*kind, False], device=world.device) for kind in zip(*_kinds(world.settings), strict=True)
        )
        self._uses = torch.zeros(len(self._names) + 1, dtype=torch.int64, device=world.device)
        self._has_worked = torch.zeros(world.lanes, dtype=torch.bool, device=world.device)
        self._paid_after_work = torch.zeros((), dtype=torch.int64, device=world.device)

    def note(self, counted: Tensor) -> None:
        """See `townlet.evaluation.Diary`."""
        used = torch.where(counted, self._world.used, len(self._names))
        self._uses += torch.bincount(used, minlength=len(self._uses))
        self._paid_after_work += (self._pays[used] & self._has_worked).sum()
        self._has_worked |= self._works[used]

    def figures(self) -> dict[str, float]:
        """uses/NAME: whole uses an episode. work_per_paid_care, paid_care_after_work: 0 when nothing was paid for.

        work_per_paid_care: uses that bring money, for each one that costs some.
        paid_care_after_work: the share of paid care before which the agent had worked in that episode.
        """
        work, paid = (int(self._uses[kind].sum()) for kind in (self._works, self._pays))
        uses = self._uses[: len(self._names)] / self._world.lanes
        return {
            **{f"uses/{name}": count for name, count in zip(self._names, uses.tolist(), strict=True)},
            "work_per_paid_care": work / paid if paid else 0.0,
            "paid_care_after_work": int(self._paid_after_work) / paid if paid else 0.0,
        }


def _kinds(settings: HamletSettings) -> list[tuple[bool, bool]]:
    """Of each affordance, whether a use brings money, and whether it costs some."""
    money = [
        sum(tick.get(settings.payment.meter, 0.0) for tick in tick_gains(settings.affordances[name], settings))
        for name in settings.affordance_names
    ]
    return [(gain > 0.0, gain < 0.0) for gain in money]
