"""What an actor's steps bring that is new. L lanes."""

import torch
from torch import Tensor

from townlet.networks.distillation import RandomDistillation
from townlet.policy import load_weights, take_up_parameters
from townlet.subscribe_call import ReceivedPolicy
from townlet.worlds.interface import Observation, Step


class Curiosity:
    """Tells the raw novelty of what all lanes came to, in one pass; neither normalised nor weighted."""

    def __init__(self, distillation: RandomDistillation) -> None:
        self._distillation = distillation.eval().requires_grad_(False)

    def adopt(self, policy: ReceivedPolicy) -> None:
        """Know from now on what the learner knew with this policy. Raises CheckpointError when it does not fit."""
        load_weights(self._distillation, policy.rest.curiosity, f"policy {policy.version}, curiosity")

    def state_dict(self) -> dict[str, Tensor]:
        """Both networks and the normalisers, as copies."""
        return {name: tensor.clone() for name, tensor in self._distillation.state_dict().items()}

    def load_state_dict(self, saved: dict[str, Tensor]) -> None:
        """Raises CheckpointError when it does not fit, and then nothing has changed."""
        take_up_parameters("saved curiosity", self._distillation, saved)

    @torch.no_grad()
    def novelty(self, step: Step) -> Tensor:
        """How new what the step led to is, float32 [L]."""
        found: Tensor = self._distillation(arrived(step))
        return found


def arrived(step: Step) -> Observation:
    """What the step led to, blocks of [L, ...]: in a lane that has finished the final view, not the next first one."""
    if step.finished is None:
        return step.view.observation
    lanes, final = step.finished.lanes, step.finished.view.observation
    return {name: block.index_copy(0, lanes, final[name]) for name, block in step.view.observation.items()}
