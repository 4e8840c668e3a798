"""One update of Q-learning: gradient step, target network, averaged network.

The same on every rank of the learner: see `learner.ranks`.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite

import torch
from torch import Tensor

from learner.batch import Batch
from learner.curiosity import Curiosity
from learner.flat_adam import FlatAdam
from learner.flat_parameters import FlatParameters
from learner.loss import LossOf
from learner.ranks import Alone, Ranks, Rates
from learner.sequences import SequenceBatch
from learner.share import AnyBatch, undivided
from townlet.curiosity import RndSettings
from townlet.errors import NumericalError
from townlet.learner_settings import CopySettings, LearnerSettings, PolyakSettings
from townlet.networks.interface import QNetwork


@dataclass(frozen=True)
class Update:
    """What one update returned, of the whole batch.

    priorities: float32 [B] on the CPU. loss, mean_q, gradient_norm: of this update.
    novelty: how new what it showed was; 0 without curiosity.
    """

    priorities: Tensor
    loss: float
    mean_q: float
    gradient_norm: float
    novelty: float = 0.0


HandOut = Callable[[AnyBatch, Rates], Batch | SequenceBatch]
"""Gives every rank its share of a batch, and what this update goes by; returns this rank's."""


class QLearning:
    """Double, dueling, n-step Q-learning with a target and an averaged network.

    loss: of the online network, the target network and a batch.
    curiosity: pays for what is new; None without it.
    ranks: among which this is one. hand_out: of the first one.
    updates: made since the run began.
    """

    def __init__(
        self,
        network: QNetwork,
        settings: LearnerSettings,
        loss: LossOf,
        curiosity: Curiosity | None = None,
        ranks: Ranks | None = None,
        hand_out: HandOut = undivided,
    ) -> None:
        self.updates = 0
        self.curiosity = curiosity
        self.online_network = network
        self.target_network = copy.deepcopy(network).requires_grad_(False)
        self.averaged_network = copy.deepcopy(network).requires_grad_(False)
        self._settings = settings
        self._loss = loss
        self._learning_rate = settings.learning_rate
        self._ranks = ranks or Alone()
        self._hand_out = hand_out
        self._target = FlatParameters(self.target_network)
        self._averaged = FlatParameters(self.averaged_network)
        self._online = FlatAdam(self.online_network, epsilon=settings.adam_epsilon)

    def steer(self, learner: LearnerSettings, curiosity: RndSettings | None) -> None:
        """Learn at the rates of these settings from the next update on; all else stays as it was."""
        self._learning_rate = learner.learning_rate
        if self.curiosity is not None and curiosity is not None:
            self.curiosity.steer(curiosity)

    def rates(self) -> Rates:
        """What the next update goes by."""
        if self.curiosity is None:
            return Rates(self._learning_rate)
        return Rates(self._learning_rate, self.curiosity.learning_rate, self.curiosity.weight.value)

    def update(self, batch: AnyBatch) -> Update:
        """Learn from one batch, of which every rank takes its share. See `learn`."""
        rates = self.rates()
        return self.learn(self._hand_out(batch, rates), rates)

    def learn(self, share: Batch | SequenceBatch, rates: Rates) -> Update:
        """Learn from this rank's share of a batch, while all others learn from theirs.

        Raises NumericalError when loss or gradient is not finite, and then nothing is changed, or when novelty is not.
        """
        paid = share if self.curiosity is None else self.curiosity.pay(share, rates.intrinsic_weight)
        with self._precision():
            loss = self._loss(self.online_network, self.target_network, paid)
        self._online.backward(loss.value)
        figures, priorities = self._ranks.average(
            self._online.gradients, torch.stack([loss.value.detach(), loss.mean_q]), loss.priorities, loss.steps
        )
        norm = torch.linalg.vector_norm(self._online.gradients)
        measured, mean_q, gradient_norm = torch.cat([figures, norm[None]]).tolist()
        if not (isfinite(measured) and isfinite(gradient_norm)):
            raise NumericalError(
                f"update {self.updates + 1}: expected a finite loss and gradient, found loss {measured} and gradient "
                f"norm {gradient_norm}; look for extreme rewards, or lower learner.learning_rate"
            )
        if gradient_norm > self._settings.max_gradient_norm:
            self._online.gradients.mul_(self._settings.max_gradient_norm / gradient_norm)
        self._online.step(rates.learning)
        self.updates += 1
        self._follow()
        novelty = self.curiosity.learn(share, rates.predictor) if self.curiosity else 0.0
        return Update(priorities.cpu(), measured, mean_q, gradient_norm, novelty)

    def _precision(self) -> torch.autocast:
        """Within it matrices are multiplied as precisely as configured."""
        half = self._settings.precision == "bfloat16"
        # Nothing is cached: what is cast where no gradient flows would be taken where one has to.
        device = self._online.values.device.type
        return torch.autocast(device, torch.bfloat16, enabled=half, cache_enabled=False)

    def optimiser_tensors(self) -> dict[str, Tensor]:
        """Adam's moments, float32 [P], and its step count, by reference."""
        return self._online.tensors()

    @torch.no_grad()
    def _follow(self) -> None:
        """Let the target and the averaged network follow the online network."""
        match self._settings.target:
            case PolyakSettings(tau=tau):
                self._target.values.lerp_(self._online.values, tau)
            case CopySettings(period_updates=period):
                if self.updates % period == 0:
                    self._target.values.copy_(self._online.values)
        # Young averages forget faster, so that the first networks, which know nothing, do not linger.
        decay = min(self._settings.averaging, self.updates / (self.updates + 9))
        self._averaged.values.lerp_(self._online.values, 1.0 - decay)
