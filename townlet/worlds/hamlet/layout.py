"""Where the affordances stand. L lanes, C = G * G cells, A affordances, R cells that a window reaches to each side.

A layout is known as the affordances' cells (`place`) and as what stands on each cell (`ground`): the code of a cell is
its affordance's number, A where there is none, A + 1 off the grid. Ground has a border of R cells on every side, so
that a window never leaves it; its side is B = G + 2R.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from townlet.worlds.hamlet.rules import HamletSettings


@dataclass(frozen=True)
class LayoutRules:
    """The level's layout and the geometry of ground.

    place: int64 [A], the fixed layout. shared: int64 [C], the code of each cell where that never changes, else None.
    empty: uint8 [B * B], ground without affordances.
    inner: int64 [C], where a cell lies in ground. corner: int64 [C], the top left of the window around it.
    window_offsets: int64 [(2R + 1) ** 2], a window's cells from its top left, row-major.
    random_after: finished episodes of the run from which on layouts are random; None for never.
    """

    place: Tensor
    shared: Tensor | None
    empty: Tensor
    inner: Tensor
    corner: Tensor
    window_offsets: Tensor
    random_after: int | None

    @classmethod
    def of(cls, settings: HamletSettings, device: torch.device) -> "LayoutRules":
        """The rules of a level."""
        side, none = settings.grid, len(settings.affordance_names)
        radius = settings.vision_radius if settings.view == "local" else 0
        wide = side + 2 * radius
        empty = torch.full((wide, wide), none + 1, dtype=torch.uint8)
        empty[radius : radius + side, radius : radius + side] = none
        cell = torch.arange(side * side)
        corner = cell // side * wide + cell % side
        reach = torch.arange(2 * radius + 1)
        at = [settings.affordances[name].at for name in settings.affordance_names]
        place = torch.tensor([y * side + x for x, y in at])
        shared = torch.full((side * side,), none).scatter_(0, place, torch.arange(none))
        return cls(
            place=place.to(device),
            shared=shared.to(device) if settings.layout == "fixed" else None,
            empty=empty.flatten().to(device),
            inner=(corner + radius * wide + radius).to(device),
            corner=corner.to(device),
            window_offsets=(reach[:, None] * wide + reach).flatten().to(device),
            random_after={"fixed": None, "random": 0, "random_after": settings.random_layout_after}[settings.layout],
        )

    @property
    def cells(self) -> int:
        """C."""
        return len(self.inner)

    def ground(self, place: Tensor) -> Tensor:
        """What stands where, uint8 [L, B * B]. place: int64 [L, A]."""
        assert place.shape[1:] == self.place.shape, place.shape
        codes = torch.arange(place.shape[1], dtype=torch.uint8, device=place.device)
        at = self.inner.index_select(0, place.flatten()).view_as(place)
        return self.empty.repeat(len(place), 1).scatter_(1, at, codes.expand(place.shape))

    def underfoot(self, ground: Tensor, cell: Tensor) -> Tensor:
        """The code of each lane's cell, int64 [L]. ground: uint8 [L, B * B]. cell: int64 [L]."""
        assert ground.shape == (len(cell), len(self.empty)), (ground.shape, cell.shape)
        if self.shared is not None:
            return self.shared.index_select(0, cell)
        return ground.gather(1, self.inner.index_select(0, cell)[:, None]).squeeze(1).to(torch.int64)

    def window(self, ground: Tensor, cell: Tensor) -> Tensor:
        """The codes around each lane, uint8 [L, (2R + 1) ** 2]. ground: uint8 [L, B * B]. cell: int64 [L]."""
        assert ground.shape == (len(cell), len(self.empty)), (ground.shape, cell.shape)
        return ground.gather(1, self.corner.index_select(0, cell)[:, None] + self.window_offsets)

    def is_random(self, run_episodes: int) -> bool:
        """Whether an episode that starts after so many finished ones gets a layout of its own."""
        return self.random_after is not None and run_episodes >= self.random_after


def random_place(bits: Tensor, affordances: int) -> Tensor:
    """A uniformly random layout without overlaps, int64 [L, affordances]. bits: int64 [L, C], random."""
    assert affordances <= bits.shape[1], (affordances, bits.shape)
    return bits.argsort(dim=1, stable=True)[:, :affordances]
