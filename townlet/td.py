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


def sequence_returns(rewards: Tensor, *, n_step: int, gamma: float) -> Tensor:
    """`n_step_return` from each of the first T - n_step + 1 steps on, float32 [B, T - n_step + 1].

    rewards: float32 [B, T]; 0 past the end of the episode.
    """
    powers = gamma ** torch.arange(n_step, dtype=rewards.dtype, device=rewards.device)
    returns: Tensor = rewards.unfold(1, n_step, 1) @ powers
    return returns


def eta_priority(td_error: Tensor, valid: Tensor, *, eta: float) -> Tensor:
    """eta * max + (1 - eta) * mean of the absolute TD errors over the valid steps, float32 [B].

    td_error: float32 [B, T]. valid: bool [B, T] (Kapturowski et al. 2019, section 2.3).
    """
    size = td_error.abs() * valid
    mean = size.sum(dim=1) / valid.sum(dim=1).clamp(min=1)
    return eta * size.amax(dim=1) + (1.0 - eta) * mean


RESCALING_EPSILON = 1e-3


def rescale(value: Tensor) -> Tensor:
    """h(x) = sign(x) (sqrt(|x| + 1) - 1) + eps x, elementwise (Pohlen et al. 2018, section 3.2)."""
    return value.sign() * ((value.abs() + 1.0).sqrt() - 1.0) + RESCALING_EPSILON * value


def unscale(value: Tensor) -> Tensor:
    """The inverse of `rescale`, in closed form (the same paper, proposition A.2)."""
    eps = RESCALING_EPSILON
    # In float64: a difference of nearly equal numbers.
    x = value.abs().to(torch.float64)
    root = ((1.0 + 4.0 * eps * (x + 1.0 + eps)).sqrt() - 1.0) / (2.0 * eps)
    return (value.sign() * (root.square() - 1.0)).to(value.dtype)


def masked_argmax(q: Tensor, action_mask: Tensor) -> Tensor:
    """The best valid action, int64 [...], of q float32 [..., A] and action_mask bool [..., A]."""
    return q.masked_fill(~action_mask, -torch.inf).argmax(dim=-1)


def double_q_value(q_online: Tensor, q_target: Tensor, action_mask: Tensor) -> Tensor:
    """Q_target(s, argmax_a Q_online(s, a)), float32 [...], over valid actions only.

    The online network picks, the target network evaluates (van Hasselt et al. 2016, equation 4).
    q_online, q_target: float32 [..., A]. action_mask: bool [..., A].
    """
    assert q_online.shape == q_target.shape == action_mask.shape, (q_online.shape, q_target.shape, action_mask.shape)
    best = masked_argmax(q_online, action_mask)
    return q_target.gather(-1, best[..., None]).squeeze(-1)


def huber(td_error: Tensor, *, delta: float) -> Tensor:
    """Quadratic to delta, linear beyond (Huber 1964), elementwise."""
    size = td_error.abs()
    quadratic = size.clamp(max=delta)
    return 0.5 * quadratic.square() + delta * (size - quadratic)


def importance_weights(probabilities: Tensor, items: int, *, exponent: float) -> Tensor:
    """(items * P(i))^-exponent, float32 [..., B], divided by the batch's largest (Schaul et al. 2016, section 3.4).

    probabilities: float64 [..., B], of each draw among all `items`.
    """
    weights = (items * probabilities) ** -exponent
    return (weights / weights.amax(dim=-1, keepdim=True)).to(torch.float32)
