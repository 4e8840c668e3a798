"""How far actors stray from the greedy action. Pure functions; L is an actor's lanes, N all lanes of all actors."""

import torch
from torch import Tensor

from townlet.exploration_settings import DecaySettings, LadderSettings
from townlet.kernels import kernel


def ladder(settings: LadderSettings, first_lane: int, lanes: int, all_lanes: int) -> Tensor:
    """One fixed epsilon a lane, float32 [L]: base ** (1 + exponent * i / (N - 1)) (Horgan et al. 2018, section 4.1).

    first_lane: i of the first of these lanes.
    """
    place = torch.arange(first_lane, first_lane + lanes, dtype=torch.float64) / max(1, all_lanes - 1)
    return (settings.base ** (1.0 + settings.exponent * place.clamp(max=1.0))).to(torch.float32)


def ladder_range(settings: LadderSettings) -> tuple[float, float]:
    """The smallest and the largest epsilon of a whole ladder."""
    return settings.base ** (1.0 + settings.exponent), settings.base


def decayed(settings: DecaySettings, run_episodes: int) -> float:
    """The one epsilon of all lanes after `run_episodes` finished episodes of the run."""
    return max(settings.minimum, settings.start * settings.factor**run_episodes)


def normalised_entropy(epsilon: Tensor, action_mask: Tensor) -> Tensor:
    """How undecided epsilon-greedy is, float32 [L]: the entropy of its choice divided by log n, the most there can be.

    It is 0 for the one who always takes the best action and 1 for the one who takes any of the n valid ones. It is
    that of the distribution which actions are drawn from, and depends on epsilon and n alone: the size of Q values, and
    with it that of rewards, has no part in it. Where n is 1 there is nothing to decide: 0.
    epsilon: float32 [L]. action_mask: bool [L, A].
    """
    assert epsilon.shape == action_mask.shape[:1], (epsilon.shape, action_mask.shape)
    valid = action_mask.sum(dim=1)
    other = epsilon / valid
    best = 1.0 - epsilon + other
    entropy = -(torch.xlogy(best, best) + (valid - 1) * torch.xlogy(other, other))
    return (entropy / valid.clamp(min=2).log()).clamp(0.0, 1.0)


def epsilon_greedy(q: Tensor, action_mask: Tensor, epsilon: Tensor, uniform: Tensor) -> Tensor:
    """The best valid action, or with probability epsilon any valid one; int64 [L].

    Exploring lanes take the valid action with the largest random number, the others that with the largest Q; the first
    of several. On a CPU by compiled code, where it was built.
    q: float32 [L, A]. action_mask: bool [L, A]. epsilon: float32 [L].
    uniform: float32 [L, A + 1] in [0, 1): the first column decides whether to explore, the others what.
    """
    lanes, actions = q.shape
    assert action_mask.shape == (lanes, actions), (action_mask.shape, q.shape)
    assert epsilon.shape == (lanes,), (epsilon.shape, q.shape)
    assert uniform.shape == (lanes, actions + 1), (uniform.shape, q.shape)
    assert q.dtype == epsilon.dtype == uniform.dtype == torch.float32, (q.dtype, epsilon.dtype, uniform.dtype)
    assert action_mask.dtype == torch.bool, action_mask.dtype
    choose = kernel("epsilon_greedy", numbers=2, tensors=5) if q.device.type == "cpu" else None
    if choose is None:
        return epsilon_greedy_by_tensors(q, action_mask, epsilon, uniform)
    action = torch.empty(lanes, dtype=torch.int64)
    choose(lanes, actions, *(each.contiguous() for each in (q, action_mask, epsilon, uniform)), action)
    return action


def epsilon_greedy_by_tensors(q: Tensor, action_mask: Tensor, epsilon: Tensor, uniform: Tensor) -> Tensor:
    """`epsilon_greedy` on any device."""
    explore = uniform[:, 0] < epsilon
    score = torch.where(explore[:, None], uniform[:, 1:], q)
    return score.masked_fill(~action_mask, -torch.inf).argmax(dim=1)
