"""`learner.compile`: the same learning by code that torch makes for it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bench.update import batch_in_memory
from learner.build import build_loss
from learner.update import QLearning
from townlet.config_file import load_config
from townlet.networks.build import build_network
from townlet.worlds.build import world_spec

L1 = Path(__file__).parents[2] / "configs/L1_full.yaml"
UPDATES = 5


def learn(*overrides):
    """The learner after a few updates on one batch, and what the last one returned."""
    torch.manual_seed(1)
    config = load_config(L1, ["learner.batch_size=8", *overrides])
    network = build_network(config.network, world_spec(config)).to(config.learner.device)
    learning, batch = QLearning(network, config.learner, build_loss(config)), batch_in_memory(config)
    return learning, [learning.update(batch) for _ in range(UPDATES)][-1]


@pytest.mark.filterwarnings(
    "ignore:.torch.jit.script_method. is deprecated:DeprecationWarning"
)  # torch's own use of it
@pytest.mark.skipif(shutil.which("g++") is None, reason="nothing is compiled without a compiler")
def test_a_compiled_learner_learns_the_same_and_repeats_itself_to_the_bit():
    (eager, expected), (compiled, found) = learn(), learn("learner.compile=true")
    torch.testing.assert_close(found.priorities, expected.priorities, rtol=1e-4, atol=1e-5)
    for name, parameter in compiled.online_network.named_parameters():
        torch.testing.assert_close(parameter, eager.online_network.get_parameter(name), rtol=1e-4, atol=1e-5)
    torch._dynamo.reset()
    again, _ = learn("learner.compile=true")
    for name, parameter in compiled.online_network.named_parameters():
        assert torch.equal(parameter, again.online_network.get_parameter(name)), name


@pytest.mark.gpu
def test_a_gpu_learns_by_compiled_code_as_without():
    device = "learner.device=cuda"
    expected, found = learn(device)[1], learn(device, "learner.compile=true")[1]
    torch.testing.assert_close(found.priorities, expected.priorities, rtol=1e-3, atol=1e-4)


def test_a_machine_without_a_compiler_is_told_what_it_lacks(tmp_path):
    program = (
        "import torch\n"
        "from learner.compilation import compiled\n"
        "from townlet.errors import ConfigError\n"
        "try:\n"
        "    compiled(torch.square, torch.device('cpu'))\n"
        "except ConfigError as error:\n"
        "    print(error)\n"
    )
    environment = {"PATH": str(tmp_path), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache"), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=L1.parents[1], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("learner.compile: expected a machine that can compile for cpu, found: "), done
    assert "g++" in done.stdout
    assert len(done.stdout.splitlines()) == 1
