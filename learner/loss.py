"""The loss of Q-learning, as an equation. B is the batch, A the actions."""

from collections.abc import Callable

import torch
from torch import Tensor

from learner.batch import Batch
from townlet.td import double_q_target, huber
from townlet.worlds.interface import Observation

Q = Callable[[Observation], Tensor]
"""Q values, float32 [B, A], of an observation."""


def q_loss(online: Q, target: Q, batch: Batch, *, huber_delta: float) -> tuple[Tensor, Tensor, Tensor]:
    """The importance-weighted Huber loss of the double n-step TD error.

    Returns the loss, float32 []; the TD errors, float32 [B]; the Q values of the actions taken, float32 [B]. The
    latter two carry no gradient.
    """
    with torch.no_grad():
        goal = double_q_target(
            batch.reward,
            batch.discount,
            online(batch.next_observation),
            target(batch.next_observation),
            batch.next_action_mask,
        )
    taken = online(batch.observation).gather(1, batch.action[:, None]).squeeze(1)
    td_error = taken - goal
    loss = (batch.importance_weight * huber(td_error, delta=huber_delta)).mean()
    return loss, td_error.detach(), taken.detach()
