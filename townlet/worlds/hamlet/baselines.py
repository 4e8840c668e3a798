"""What a learned policy is compared with: policies that nobody trained.

Each is built for a world and maps its view to an action in every lane, int64 [L].
"""

from math import lcm

import torch
from torch import Tensor

from townlet.errors import InvalidRequestError
from townlet.evaluation import Actions
from townlet.worlds.hamlet.rules import WAIT
from townlet.worlds.hamlet.scripted import Scripted
from townlet.worlds.hamlet.world import HamletWorld
from townlet.worlds.interface import View

MOST_ACTIONS = WAIT + 1
SHARES = lcm(*range(1, MOST_ACTIONS + 1))
"""Divisible by every number of valid actions."""


def uniform_random(generator: torch.Generator) -> Actions:
    """Every action that the mask allows is equally likely. generator: of the world's device."""
    bits = 2.0 ** torch.arange(MOST_ACTIONS, device=generator.device)
    choices = _choices().to(generator.device)

    def actions(view: View) -> Tensor:
        lanes, count = view.action_mask.shape
        mask_number = (view.action_mask.float() @ bits[:count]).to(torch.int64)
        share = torch.randint(SHARES, (lanes,), generator=generator, device=generator.device)
        return choices.index_select(0, mask_number * SHARES + share)

    return actions


def _choices() -> Tensor:
    """For each mask, read as a binary number, its valid actions in equal shares: int64 [2 ** MOST_ACTIONS * SHARES]."""
    masks = torch.arange(2**MOST_ACTIONS)[:, None] >> torch.arange(MOST_ACTIONS) & 1
    valid_first = masks.argsort(dim=1, descending=True, stable=True)
    turn = torch.arange(SHARES) % masks.sum(dim=1, keepdim=True).clamp(min=1)
    return valid_first.gather(1, turn).flatten()


def wait_forever(world: HamletWorld) -> Actions:
    """Waits. Raises InvalidRequestError where the level has no such action."""
    if not world.settings.actions.wait_enabled:
        raise InvalidRequestError("wait-forever baseline: expected world.actions.wait_enabled to be true, found false")
    wait = torch.full((world.lanes,), WAIT, device=world.device)
    return lambda _: wait


def scripted(world: HamletWorld) -> Actions:
    """Tends to the most urgent need, seeing the world's true state; survives every shipped level that can be."""
    return Scripted(world)
