"""Where an agent can go. L lanes, C = G * G cells with index y * G + x, N actions."""

from dataclasses import dataclass

import torch
from torch import Tensor

from townlet.worlds.hamlet.rules import INTERACT, MOVES, HamletSettings


@dataclass(frozen=True)
class Grid:
    """A square of cells without walls, as lookup tables.

    xy: int64 [C, 2], column and row of each cell. relative: float32 [C, 2], the same divided by G - 1.
    destination: int64 [C * N], where an action leads from a cell, index cell * N + action.
    action_mask: bool [C * 2, N], index cell * 2 + (whether interacting is possible).
    """

    actions: int
    xy: Tensor
    relative: Tensor
    destination: Tensor
    action_mask: Tensor

    @classmethod
    def of(cls, settings: HamletSettings, device: torch.device) -> "Grid":
        """The tables of a level."""
        side, actions = settings.grid, settings.action_count
        cell = torch.arange(side * side)
        xy = torch.stack((cell % side, cell // side), dim=1)
        step = torch.zeros(actions, 2, dtype=torch.int64)
        step[: len(MOVES)] = torch.tensor(list(MOVES.values()))
        target = xy[:, None] + step
        inside = ((target >= 0) & (target < side)).all(dim=2)
        destination = torch.where(inside, target[:, :, 1] * side + target[:, :, 0], cell[:, None])
        mask = inside[:, None].repeat(1, 2, 1)
        mask[:, 0, INTERACT] = False
        return cls(
            actions=actions,
            xy=xy.to(device),
            relative=(xy / (side - 1)).to(device),
            destination=destination.flatten().to(device),
            action_mask=mask.flatten(0, 1).to(device),
        )

    @property
    def cells(self) -> int:
        """C."""
        return len(self.xy)

    def moved(self, cell: Tensor, action: Tensor) -> Tensor:
        """Where each lane stands after its action, int64 [L]; a move off the grid stays. cell, action: int64 [L]."""
        assert cell.shape == action.shape == (len(cell),), (cell.shape, action.shape)
        return self.destination.index_select(0, cell * self.actions + action)

    def mask(self, cell: Tensor, can_interact: Tensor) -> Tensor:
        """The actions that may be taken, bool [L, N]. cell: int64 [L]. can_interact: bool [L]."""
        assert cell.shape == can_interact.shape == (len(cell),), (cell.shape, can_interact.shape)
        return self.action_mask.index_select(0, cell * 2 + can_interact)
