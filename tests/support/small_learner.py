"""A small learner and batches for it."""

import numpy as np
import torch
from counting_world import SPEC

from learner.batch import Batch, Source
from learner.loss import TransitionLoss
from learner.update import QLearning
from townlet.config import LearnerSettings, MlpQSettings
from townlet.networks.build import build_network
from townlet.specs import EnvironmentSpec

LOSS = TransitionLoss(huber_delta=1.0, value_rescaling=False)


def make_batch(size: int = 16, seed: int = 0, reward: float | None = None, spec: EnvironmentSpec = SPEC) -> Batch:
    random = torch.Generator().manual_seed(seed)

    def observation():
        return {
            block.name: torch.rand(size, *block.shape, generator=random).to(getattr(torch, block.dtype))
            for block in spec.observation
        }

    return Batch(
        observation=observation(),
        action=torch.randint(spec.actions, (size,), generator=random),
        reward=torch.rand(size, generator=random) if reward is None else torch.full((size,), reward),
        discount=torch.full((size,), 0.9),
        next_observation=observation(),
        next_action_mask=torch.ones(size, spec.actions, dtype=torch.bool),
        importance_weight=torch.ones(size),
        source=Source(np.zeros(size, np.uint64), np.zeros(size, np.int64)),
    )


def make_learning(**settings) -> QLearning:
    torch.manual_seed(0)
    return QLearning(build_network(MlpQSettings(hidden=(32,)), SPEC), LearnerSettings(**settings), LOSS)


def parameters(network) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()]).clone()
