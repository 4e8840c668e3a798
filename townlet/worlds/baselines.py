"""What a learned policy is compared with in any world."""

import torch

from townlet.evaluation import Actions
from townlet.td import masked_argmax
from townlet.worlds.interface import View


def uniform_random(generator: torch.Generator) -> Actions:
    """Every action that the mask allows is equally likely. generator: of the world's device."""

    def actions(view: View) -> torch.Tensor:
        score = torch.rand(view.action_mask.shape, generator=generator, device=generator.device)
        return masked_argmax(score, view.action_mask)

    return actions
