"""Random network distillation: new is what a trained network cannot foretell yet (Burda et al. 2018).

B is the batch, N the size of a flat observation.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from townlet.curiosity import RndSettings
from townlet.networks.encoders import flat
from townlet.specs import EnvironmentSpec
from townlet.worlds.interface import Observation

VARIANCE_FLOOR = 1e-8
"""Keeps what has never varied from being divided by zero."""


class RandomDistillation(nn.Module):
    """How new an observation is: how badly the predictor foretells what a fixed random network makes of it.

    Everything that novelty depends on is in the state_dict: both networks, the moments of the observations, by which
    they are normalised, and those of the raw novelty, by which a learner measures it.
    """

    _scale: Tensor

    def __init__(self, settings: RndSettings, spec: EnvironmentSpec) -> None:
        super().__init__()
        sizes = (spec.observation_size, *settings.hidden, settings.embedding)
        self._clip = settings.observation_clip
        self.embedding = _layers(sizes).requires_grad_(False)
        self.predictor = _layers(sizes)
        self.observations = RunningMoments(spec.observation_size)
        self.novelty = RunningMoments(1)
        self.register_buffer("_scale", _scale(spec), persistent=False)

    def forward(self, observation: Observation) -> Tensor:
        """Raw novelty, float32 [B]: the squared error, averaged over the embedding. observation: blocks of [B, ...].

        The gradient reaches the predictor alone.
        """
        moments = self.observations
        seen = (self.flat(observation) - moments.mean.float()) / moments.deviation.float()
        seen = seen.clamp(-self._clip, self._clip)
        error: Tensor = (self.predictor(seen) - self.embedding(seen)).square().mean(dim=1)
        return error

    def flat(self, observation: Observation) -> Tensor:
        """What is normalised, float32 [B, N]: the flat observation, uint8 images scaled to [0, 1]."""
        return flat(observation) * self._scale


class RunningMoments(nn.Module):
    """Mean and variance of all rows so far (Chan et al. 1979); 0 and 1 before the first.

    count: float64 []. mean, variance: float64 [N], each entry apart.
    """

    count: Tensor
    mean: Tensor
    variance: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(size, dtype=torch.float64))
        self.register_buffer("variance", torch.ones(size, dtype=torch.float64))

    @torch.no_grad()
    def add(self, moments: Tensor) -> None:
        """Count more rows in, of which these are the `moments_of`."""
        assert moments.shape == (1 + 2 * len(self.mean),), moments.shape
        count, mean, variance = torch.split(moments, [1, len(self.mean), len(self.mean)])
        share = count / (self.count + count)
        away = mean - self.mean
        self.variance.lerp_(variance, share).add_(away.square() * share * (1.0 - share))
        self.mean.add_(away * share)
        self.count.add_(count[0])

    @property
    def deviation(self) -> Tensor:
        """The standard deviation, float64 [N], never zero."""
        return (self.variance + VARIANCE_FLOOR).sqrt()


@torch.no_grad()
def moments_of(rows: Tensor) -> Tensor:
    """Count, means and variances of rows, float64 [1 + 2N]. rows: float [B, N], at least one."""
    assert rows.ndim == 2, rows.shape
    variance, mean = torch.var_mean(rows.double(), dim=0, correction=0)
    return torch.cat([mean.new_full((1,), len(rows)), mean, variance])


def _layers(sizes: Sequence[int]) -> nn.Sequential:
    """Linear layers with ReLU between them, orthogonal, so that the embedding tells observations apart."""
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        linear = nn.Linear(before, after)
        nn.init.orthogonal_(linear.weight, gain=2.0**0.5)
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _scale(spec: EnvironmentSpec) -> Tensor:
    """What each entry of a flat observation is multiplied with, float32 [N]."""
    blocks = [
        torch.full((block.size,), 1.0 / 255.0 if block.dtype == "uint8" and len(block.shape) == 3 else 1.0)
        for block in spec.observation
    ]
    return torch.cat(blocks)
