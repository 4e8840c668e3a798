"""The part of a batch that curiosity learns from. M steps, all of them real."""

from dataclasses import dataclass

from torch import Tensor

from townlet.worlds.interface import Observation


@dataclass(frozen=True)
class Novelty:
    """How new the steps of a batch were when they were lived.

    returns: float32, the n-step return of the raw novelty, of the shape of the batch's reward.
    raw: float32 [M], as it was stored for each step. observation: blocks of [M, ...], what the step led to.
    """

    returns: Tensor
    raw: Tensor
    observation: Observation
