"""Novelty: against a numpy twin of the normaliser and both networks."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from townlet.curiosity import RndSettings
from townlet.networks.distillation import RandomDistillation, RunningMoments, moments_of
from townlet.policy import encode_weights, load_weights
from townlet.specs import EnvironmentSpec, FieldSpec

SPEC = EnvironmentSpec((FieldSpec("near", "float32", (3,)), FieldSpec("mark", "uint8", (2,))), actions=2, step_cap=10)
SETTINGS = RndSettings(hidden=(16, 8), embedding=4)


def make_distillation(seed: int = 0, spec: EnvironmentSpec = SPEC) -> RandomDistillation:
    torch.manual_seed(seed)
    return RandomDistillation(SETTINGS, spec)


def observations(count: int, seed: int = 0) -> dict[str, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    near = torch.randn(count, 3, generator=random) * torch.tensor([1.0, 30.0, 1e-3]) + torch.tensor([0.0, 400.0, 5.0])
    return {"near": near, "mark": torch.randint(2, (count, 2), generator=random, dtype=torch.uint8)}


def through(layers: torch.nn.Sequential, x: np.ndarray) -> np.ndarray:
    """What the layers make of float64 rows, in numpy."""
    linear = [layer for layer in layers if isinstance(layer, torch.nn.Linear)]
    for at, layer in enumerate(linear):
        x = x @ layer.weight.detach().double().numpy().T + layer.bias.detach().double().numpy()
        x = np.maximum(x, 0.0) if at + 1 < len(linear) else x
    return x


@given(sizes=st.lists(st.integers(1, 20), min_size=1, max_size=6), seed=st.integers(0, 99))
def test_running_moments_are_those_of_all_rows_at_once(sizes, seed):
    rows = np.random.default_rng(seed).normal([3.0, -1e4], [2.0, 50.0], (sum(sizes), 2))
    moments = RunningMoments(2)
    for part in np.split(rows, np.cumsum(sizes)[:-1]):
        moments.add(moments_of(torch.from_numpy(part)))
    assert moments.count.item() == len(rows)
    np.testing.assert_allclose(moments.mean.numpy(), rows.mean(axis=0), rtol=1e-9)
    np.testing.assert_allclose(moments.variance.numpy(), rows.var(axis=0), rtol=1e-6, atol=1e-9)


def test_moments_before_the_first_row_change_nothing():
    moments = RunningMoments(3)
    assert moments.mean.tolist() == [0.0] * 3
    assert moments.deviation.tolist() == pytest.approx([1.0] * 3)


@torch.no_grad()
def test_novelty_is_the_squared_error_on_normalised_and_clipped_observations():
    distillation, seen = make_distillation(), observations(200)
    distillation.observations.add(moments_of(distillation.flat(seen)))
    asked = observations(50, seed=1)
    asked["near"][0] = 1e6
    flat = np.concatenate([asked["near"].numpy(), asked["mark"].numpy()], axis=1).astype(np.float64)
    all_seen = np.concatenate([seen["near"].numpy(), seen["mark"].numpy()], axis=1).astype(np.float64)
    normalised = np.clip((flat - all_seen.mean(axis=0)) / np.sqrt(all_seen.var(axis=0) + 1e-8), -5.0, 5.0)
    assert normalised.max() == 5.0
    error = through(distillation.predictor, normalised) - through(distillation.embedding, normalised)
    np.testing.assert_allclose(distillation(asked).numpy(), (error**2).mean(axis=1), rtol=2e-3)


def test_the_gradient_reaches_the_predictor_alone():
    distillation = make_distillation()
    distillation(observations(5)).mean().backward()
    assert all(parameter.grad is None for parameter in distillation.embedding.parameters())
    assert all(parameter.grad.abs().sum() > 0 for parameter in list(distillation.predictor.parameters())[-2:])


def test_pixels_are_scaled_and_other_blocks_are_as_they_are():
    spec = EnvironmentSpec((FieldSpec("image", "uint8", (1, 2, 2)), FieldSpec("mark", "uint8", (1,))), 2, 10)
    seen = {"image": torch.tensor([[[[0, 51], [102, 255]]]], dtype=torch.uint8), "mark": torch.tensor([[1]])}
    assert make_distillation(spec=spec).flat(seen).tolist() == [pytest.approx([0.0, 0.2, 0.4, 1.0, 1.0])]


@torch.no_grad()
def test_everything_that_novelty_depends_on_travels():
    here, there = make_distillation(0), make_distillation(1)
    here.observations.add(moments_of(here.flat(observations(100))))
    asked = observations(20, seed=2)
    assert not torch.allclose(here(asked), there(asked))
    load_weights(there, encode_weights(here), "a test")
    assert torch.equal(here(asked), there(asked))
