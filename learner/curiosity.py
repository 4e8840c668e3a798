"""Curiosity as the learner sees it: it pays for novelty, and learns what is no longer new."""

from dataclasses import replace
from math import isfinite

import torch
from torch import Tensor

from learner.batch import Batch
from learner.flat_adam import FlatAdam
from learner.intrinsic_weight import IntrinsicWeight
from learner.novelty import Novelty
from learner.ranks import Alone, Ranks
from learner.sequences import SequenceBatch
from townlet.curiosity import RndSettings
from townlet.errors import NumericalError
from townlet.networks.distillation import RandomDistillation, moments_of


class Curiosity:
    """Random network distillation (Burda et al. 2018): predictor, normalisers and the intrinsic weight.

    distillation: what travels to the actors. weight: what novelty is worth. learning_rate: of the next update.
    ranks: among which this is one.
    """

    def __init__(
        self,
        distillation: RandomDistillation,
        settings: RndSettings,
        weight: IntrinsicWeight,
        ranks: Ranks | None = None,
    ) -> None:
        self.distillation = distillation
        self.weight = weight
        self.learning_rate = settings.learning_rate
        self._ranks = ranks or Alone()
        self._adam = FlatAdam(distillation.predictor)

    def steer(self, settings: RndSettings) -> None:
        """Learn at the rate of these settings, and weigh novelty by their rule, from the next update on."""
        self.learning_rate = settings.learning_rate
        self.weight.steer(settings.weight)

    def pay(self, batch: Batch | SequenceBatch, weight: float | None = None) -> Batch | SequenceBatch:
        """The batch with novelty in its reward, measured in standard deviations and weighted: once and for all.

        weight: other than it is now.
        """
        worth = (self.weight.value if weight is None else weight) / self.distillation.novelty.deviation
        return replace(batch, reward=batch.reward + worth.float() * novelty_of(batch).returns, novelty=None)

    def learn(self, share: Batch | SequenceBatch, learning_rate: float | None = None) -> float:
        """Get used to what a batch shows, of which this is a rank's share; how new it still was, as a mean.

        learning_rate: other than it is now. Raises NumericalError.
        """
        distillation, novelty = self.distillation, novelty_of(share)
        self._count_in(novelty)
        loss = distillation(novelty.observation).mean()
        self._adam.backward(loss)
        figures, _ = self._ranks.average(self._adam.gradients, loss.detach()[None], loss.new_empty(0), len(novelty.raw))
        measured = float(figures)
        if not isfinite(measured):
            raise NumericalError(
                f"curiosity: expected a finite novelty, found {measured}; look for extreme observations, or lower "
                "curiosity.learning_rate"
            )
        self._adam.step(self.learning_rate if learning_rate is None else learning_rate)
        return measured

    def _count_in(self, novelty: Novelty) -> None:
        """Let the normalisers see every step of the whole batch: rank after rank, so that all see the same."""
        distillation = self.distillation
        raw, seen = moments_of(novelty.raw[:, None]), moments_of(distillation.flat(novelty.observation))
        for each in self._ranks.gather(torch.cat([raw, seen])):
            distillation.novelty.add(each[: len(raw)])
            distillation.observations.add(each[len(raw) :])

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor that the future depends on, by reference."""
        optimiser = {f"optimiser.{name}": value for name, value in self._adam.tensors().items()}
        return dict(self.distillation.state_dict()) | optimiser


def novelty_of(batch: Batch | SequenceBatch) -> Novelty:
    """What curiosity needs of a batch."""
    assert batch.novelty is not None, "novelty has been paid for already, or was not asked for"
    return batch.novelty
