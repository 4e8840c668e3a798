"""Products of matrices in bfloat16: the same learning, rounded."""

from pathlib import Path

import pytest
import torch

from bench.update import batch_in_memory
from learner.build import build_loss
from learner.update import QLearning
from townlet.config_file import load_config
from townlet.networks.build import build_network
from townlet.worlds.build import world_spec

CONFIGS = Path(__file__).parents[2] / "configs"


def learning_and_batch(config: str, precision: str, device: str = "cpu"):
    torch.manual_seed(1)
    settings = [f"learner.precision={precision}", f"learner.device={device}", "learner.batch_size=8"]
    loaded = load_config(CONFIGS / config, settings)
    network = build_network(loaded.network, world_spec(loaded)).to(device)
    return QLearning(network, loaded.learner, build_loss(loaded)), batch_in_memory(loaded)


@pytest.mark.parametrize("config", ["L1_full.yaml", "L2_recurrent.yaml", "L2R_recurrent.yaml", "L1R_typed.yaml"])
def test_the_gradient_is_that_of_float32_but_for_rounding(config):
    (rounded, batch), (exact, same) = (learning_and_batch(config, which) for which in ("bfloat16", "float32"))
    mine, theirs = rounded.update(batch), exact.update(same)
    assert mine.loss == pytest.approx(theirs.loss, rel=0.05)
    assert mine.loss != theirs.loss
    torch.testing.assert_close(mine.priorities, theirs.priorities, rtol=0.1, atol=0.02)
    for name, parameter in rounded.online_network.named_parameters():
        gradients = parameter.grad, exact.online_network.get_parameter(name).grad
        assert torch.cosine_similarity(*(each.flatten() for each in gradients), dim=0) > 0.98, name


def test_what_is_kept_is_float32():
    learning, batch = learning_and_batch("L2R_recurrent.yaml", "bfloat16")
    learning.update(batch)
    kept = [*learning.online_network.parameters(), *learning.optimiser_tensors().values()]
    assert {tensor.dtype for tensor in kept} == {torch.float32}
    assert learning.update(batch).priorities.dtype == torch.float32


@pytest.mark.gpu
@pytest.mark.parametrize("config", ["L1_full.yaml", "L2_recurrent.yaml"])
def test_a_gpu_learns_from_one_batch_in_bfloat16_as_in_float32(config):
    """The same batch again and again: the loss falls alike."""
    losses = {}
    for precision in ("bfloat16", "float32"):
        learning, batch = learning_and_batch(config, precision, "cuda")
        losses[precision] = [learning.update(batch).loss for _ in range(200)]
    assert losses["bfloat16"][-1] < 0.1 * losses["bfloat16"][0]
    assert losses["bfloat16"][-1] < 2.0 * losses["float32"][-1] + 1e-4
