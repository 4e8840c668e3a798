"""Temporal differences, as equations. Pure functions; B is the batch, N the n-step horizon, A the actions."""

import torch
from torch import Tensor


def n_step_return(rewards: Tensor, *, gamma: float) -> Tensor:
    """sum_k gamma^k r_k, float32 [B], of rewards float32 [B, N].

    Steps past the end of the episode carry reward 0 (Sutton & Barto 2018, equation 7.1).
    """
    assert rewards.ndim == 2, rewards.shape
    powers = gamma ** torch.arange(rewards.shape[1], dtype=rewards.dtype, device=rewards.device)
    return rewards @ powers


def n_step_discount(steps: Tensor, ended: Tensor, *, gamma: float) -> Tensor:
    """What the bootstrap value is multiplied with, float32 [B]: gamma^steps, or 0 where the value ended on the way.

    steps: int [B], real steps in the window, at most N. ended: bool [B], whether the MDP ended within them.
    """
    assert steps.shape == ended.shape, (steps.shape, ended.shape)
    return torch.where(ended, 0.0, gamma ** steps.to(torch.float32))


def double_q_target(
    reward: Tensor, discount: Tensor, next_q_online: Tensor, next_q_target: Tensor, next_action_mask: Tensor
) -> Tensor:
    """reward + discount * Q_target(s', argmax_a Q_online(s', a)), float32 [B], over valid actions only.

    The online network picks, the target network evaluates (van Hasselt et al. 2016, equation 4).
    reward, discount: float32 [B]. next_q_online, next_q_target: float32 [B, A]. next_action_mask: bool [B, A].
    """
    assert next_q_online.shape == next_q_target.shape == next_action_mask.shape
    best = masked_argmax(next_q_online, next_action_mask)
    return reward + discount * next_q_target.gather(1, best[:, None]).squeeze(1)


def masked_argmax(q: Tensor, action_mask: Tensor) -> Tensor:
    """The best valid action, int64 [B], of q float32 [B, A] and action_mask bool [B, A]."""
    return q.masked_fill(~action_mask, -torch.inf).argmax(dim=1)


def huber(td_error: Tensor, *, delta: float) -> Tensor:
    """Quadratic to delta, linear beyond (Huber 1964), elementwise."""
    size = td_error.abs()
    quadratic = size.clamp(max=delta)
    return 0.5 * quadratic.square() + delta * (size - quadratic)


def importance_weights(probabilities: Tensor, items: int, *, exponent: float) -> Tensor:
    """(items * P(i))^-exponent, float32 [B], divided by the batch's largest (Schaul et al. 2016, section 3.4).

    probabilities: float64 [B], of each draw among all `items`.
    """
    weights = (items * probabilities) ** -exponent
    return (weights / weights.max()).to(torch.float32)
