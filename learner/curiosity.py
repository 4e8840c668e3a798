"""Curiosity as the learner sees it: it pays for novelty, and learns what is no longer new."""

from dataclasses import replace
from math import isfinite

from torch import Tensor

from learner.batch import Batch
from learner.flat_adam import FlatAdam
from learner.intrinsic_weight import IntrinsicWeight
from learner.novelty import Novelty
from learner.sequences import SequenceBatch
from townlet.curiosity import RndSettings
from townlet.errors import NumericalError
from townlet.networks.distillation import RandomDistillation


class Curiosity:
    """Random network distillation (Burda et al. 2018): predictor, normalisers and the intrinsic weight.

    distillation: what travels to the actors. weight: what novelty is worth.
    """

    def __init__(self, distillation: RandomDistillation, settings: RndSettings, weight: IntrinsicWeight) -> None:
        self.distillation = distillation
        self.weight = weight
        self._adam = FlatAdam(distillation.predictor, learning_rate=settings.learning_rate)

    def pay(self, batch: Batch | SequenceBatch) -> Batch | SequenceBatch:
        """The batch with novelty in its reward, measured in standard deviations and weighted: once and for all."""
        worth = self.weight.value / self.distillation.novelty.deviation
        return replace(batch, reward=batch.reward + worth.float() * novelty_of(batch).returns, novelty=None)

    def learn(self, batch: Batch | SequenceBatch) -> float:
        """Get used to what a batch shows; how new it still was, as a mean. Raises NumericalError."""
        distillation, novelty = self.distillation, novelty_of(batch)
        distillation.novelty.add(novelty.raw[:, None])
        distillation.observations.add(distillation.flat(novelty.observation))
        loss = distillation(novelty.observation).mean()
        measured = float(loss.detach())
        if not isfinite(measured):
            raise NumericalError(
                f"curiosity: expected a finite novelty, found {measured}; look for extreme observations, or lower "
                "curiosity.learning_rate"
            )
        self._adam.backward(loss)
        self._adam.step()
        return measured

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor that the future depends on, by reference."""
        optimiser = {f"optimiser.{name}": value for name, value in self._adam.tensors().items()}
        return dict(self.distillation.state_dict()) | optimiser


def novelty_of(batch: Batch | SequenceBatch) -> Novelty:
    """What curiosity needs of a batch."""
    assert batch.novelty is not None, "novelty has been paid for already, or was not asked for"
    return batch.novelty
