"""The losses of Q-learning, as equations. B is the batch, T the unrolled steps, N the n-step horizon, A the actions."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from learner.batch import Batch
from learner.sequences import SequenceBatch
from townlet.networks.interface import FeedForwardQ, RecurrentQ
from townlet.td import double_q_value, eta_priority, huber, rescale, unscale


@dataclass(frozen=True)
class Loss:
    """value: float32 [], to be minimised. The others carry no gradient.

    priorities: float32 [B]. mean_q: float32 [], over the actions taken. steps: int64 [], over which value and mean_q
    are means.
    """

    value: Tensor
    priorities: Tensor
    mean_q: Tensor
    steps: int | Tensor


LossOf = Callable[..., Loss]
"""Of the online network, the target network and a batch of the kind that these are trained on."""


@dataclass(frozen=True)
class TransitionLoss:
    """The importance-weighted Huber loss of the double n-step TD error of single transitions."""

    huber_delta: float
    value_rescaling: bool

    def __call__(self, online: FeedForwardQ, target: FeedForwardQ, batch: Batch) -> Loss:
        """Of one batch."""
        with torch.no_grad():
            value = double_q_value(
                online(batch.next_observation), target(batch.next_observation), batch.next_action_mask
            )
            goal = bootstrap(batch.reward, batch.discount, value, rescaling=self.value_rescaling)
        taken = online(batch.observation).gather(1, batch.action[:, None]).squeeze(1)
        td_error = taken - goal
        loss = (batch.importance_weight * huber(td_error, delta=self.huber_delta)).mean()
        return Loss(loss, td_error.detach().abs(), taken.detach().mean(), len(td_error))


@dataclass(frozen=True)
class SequenceLoss:
    """The same along sequences, averaged over their real steps (Kapturowski et al. 2019, R2D2).

    Both networks come to the first step with the state that was stored, warmed up by the burn-in; the gradient flows
    through the unroll, and not through the burn-in.
    """

    huber_delta: float
    value_rescaling: bool
    priority_eta: float
    period: int
    """Of the windows' starts: burn-in begins at its multiples."""

    def __call__(self, online: RecurrentQ, target: RecurrentQ, batch: SequenceBatch) -> Loss:
        """Of one batch."""
        window, begin = batch.window, batch.burn_in_steps
        end = begin + batch.action.shape[1]
        with torch.no_grad():
            by_target = target.moments(window)
            target_state = target.burn_in(by_target[:, :begin], batch.state, batch.burn_in_real, self.period)
            target_q, _ = target.unroll(by_target[:, begin:], target_state)
            around = online.moments(window.without(begin, end))  # before and after the steps that are learned from
            state = online.burn_in(around[:, :begin], batch.state, batch.burn_in_real, self.period)
        q, state = online.unroll(online.moments(window.steps(begin, end)), state)
        with torch.no_grad():
            tail_q, _ = online.unroll(around[:, begin:], state.detach())
            value = double_q_value(torch.cat([q.detach(), tail_q], dim=1), target_q, batch.action_mask)
            value = value.gather(1, batch.bootstrap_step)
            goal = bootstrap(batch.reward, batch.discount, value, rescaling=self.value_rescaling)
        taken = q.gather(2, batch.action[..., None]).squeeze(2)
        td_error = taken - goal
        losses = batch.importance_weight[:, None] * huber(td_error, delta=self.huber_delta)
        valid = batch.valid.sum()
        return Loss(
            (losses * batch.valid).sum() / valid,
            eta_priority(td_error.detach(), batch.valid, eta=self.priority_eta),
            (taken.detach() * batch.valid).sum() / valid,
            valid,
        )


def bootstrap(reward: Tensor, discount: Tensor, value: Tensor, *, rescaling: bool) -> Tensor:
    """reward + discount * value, all float32 [...]; with rescaling h(reward + discount * h^-1(value))."""
    if rescaling:
        return rescale(reward + discount * unscale(value))
    return reward + discount * value
