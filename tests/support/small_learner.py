"""A small learner and batches for it."""

import numpy as np
import torch
from counting_world import SPEC

from learner.batch import Batch, Source
from learner.curiosity import Curiosity
from learner.intrinsic_weight import IntrinsicWeight
from learner.loss import TransitionLoss
from learner.novelty import Novelty
from learner.update import QLearning
from townlet.curiosity import ConstantWeightSettings, RndSettings
from townlet.learner_settings import LearnerSettings
from townlet.networks.build import build_network
from townlet.networks.distillation import RandomDistillation
from townlet.networks.settings import MlpQSettings
from townlet.specs import EnvironmentSpec

LOSS = TransitionLoss(huber_delta=1.0, value_rescaling=False)


def make_batch(
    size: int = 16,
    seed: int = 0,
    reward: float | None = None,
    spec: EnvironmentSpec = SPEC,
    novelty: Novelty | None = None,
) -> Batch:
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
        novelty=novelty,
    )


def make_learning(**settings) -> QLearning:
    torch.manual_seed(0)
    return QLearning(build_network(MlpQSettings(hidden=(32,)), SPEC), LearnerSettings(**settings), LOSS)


def make_curiosity(*, weight: float = 1.0, learning_rate: float = 1e-3) -> Curiosity:
    torch.manual_seed(1)
    settings = RndSettings(
        hidden=(32,), embedding=8, learning_rate=learning_rate, weight=ConstantWeightSettings(value=weight)
    )
    return Curiosity(RandomDistillation(settings, SPEC), settings, IntrinsicWeight(settings.weight, SPEC.step_cap))


def make_curious(*, weight: float = 1.0) -> QLearning:
    torch.manual_seed(0)
    network = build_network(MlpQSettings(hidden=(32,)), SPEC)
    return QLearning(network, LearnerSettings(), LOSS, make_curiosity(weight=weight))


def make_novelty(seed: int = 0, size: int = 16) -> Novelty:
    raw = torch.rand(size, generator=torch.Generator().manual_seed(seed))
    return Novelty(2.0 * raw, raw, make_batch(size, seed + 1000).observation)


def parameters(network) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()]).clone()
