"""The one fused step over one vector, against torch's own Adam."""

import subprocess
import sys

import torch
from torch import nn

from learner.flat_adam import FlatAdam


def test_it_takes_the_steps_of_torchs_adam_at_every_rate():
    torch.manual_seed(3)
    network = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 2))
    ours = FlatAdam(network, epsilon=1e-5)
    theirs = nn.Parameter(ours.values.clone())
    adam = torch.optim.Adam([theirs], eps=1e-5, fused=True)
    for rate in (1e-3, 1e-3, 5e-2, 1e-4):
        ours.backward(network(torch.randn(11, 5)).square().mean())
        theirs.grad = ours.gradients.clone()
        ours.step(rate)
        adam.param_groups[0]["lr"] = rate
        adam.step()
        assert torch.equal(ours.values, theirs)
    state = adam.state[theirs]
    assert ours.tensors().keys() == state.keys()
    assert all(torch.equal(tensor, state[name]) for name, tensor in ours.tensors().items())


def test_a_step_does_not_load_torchs_compiler():
    program = (
        "import sys; from torch import nn; from learner.flat_adam import FlatAdam; net = nn.Linear(2, 1);"
        "adam = FlatAdam(net); adam.step(1e-3); sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=120).returncode == 0
