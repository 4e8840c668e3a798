"""Every network sees what it is given, or says what it needs."""

import pytest
import torch

from townlet.errors import ConfigError
from townlet.networks.build import build_network
from townlet.networks.memory import Memory
from townlet.networks.settings import (
    EntityQSettings,
    ImpalaQSettings,
    MlpQSettings,
    RecurrentMlpQSettings,
    RecurrentSpatialQSettings,
)
from townlet.specs import EnvironmentSpec, FieldSpec

CPU = torch.device("cpu")
TOWN = EnvironmentSpec(
    (FieldSpec("window", "uint8", (2, 5, 5)), FieldSpec("meters", "float32", (8,)), FieldSpec("hour", "float32", (1,))),
    actions=6,
    step_cap=100,
)
CAMERA = EnvironmentSpec((FieldSpec("image", "uint8", (4, 84, 84)),), actions=6, step_cap=100)
TILES = EnvironmentSpec((FieldSpec("image", "uint8", (7, 7, 3)), FieldSpec("way", "uint8", (4,))), 7, 100)
MAP = EnvironmentSpec(
    (FieldSpec("cell", "uint8", (16,)), FieldSpec("affordances", "float32", (4, 3))), actions=6, step_cap=100
)
FLAT = EnvironmentSpec((FieldSpec("x", "float32", (4,)),), 2, 100)


def observe(spec: EnvironmentSpec, lanes: int = 3):
    random = torch.Generator().manual_seed(1)
    return {
        block.name: (torch.rand(lanes, *block.shape, generator=random) * 9).to(getattr(torch, block.dtype))
        for block in spec.observation
    }


@pytest.mark.parametrize(
    ("settings", "spec"),
    [
        (MlpQSettings(), TOWN),
        (EntityQSettings(), MAP),
        (EntityQSettings(relative_to="cell"), MAP),
        (RecurrentMlpQSettings(hidden=16), TOWN),
        (RecurrentSpatialQSettings(hidden=16), TOWN),
        (RecurrentSpatialQSettings(hidden=16), TILES),
        (ImpalaQSettings(hidden=16), CAMERA),
        (ImpalaQSettings(hidden=None), CAMERA),
        (ImpalaQSettings(hidden=16), TILES),
    ],
)
def test_every_number_of_the_observation_counts(settings, spec):
    """Pitfall 13: features that the network drops without a word."""
    torch.manual_seed(0)
    network = build_network(settings, spec)
    memory = Memory.empty(3, network.state_size, CPU)
    observation = observe(spec)
    q, state = network.step(observation, memory)
    assert q.shape == (3, spec.actions)
    assert state.shape == (3, network.state_size)
    for name, block in observation.items():
        for at in range(0, block[0].numel(), max(1, block[0].numel() // 7)):
            other = block.clone()
            other.view(3, -1)[:, at] += 5
            assert not torch.equal(network.step({**observation, name: other}, memory)[0], q), (name, at)


@pytest.mark.parametrize("settings", [EntityQSettings(), RecurrentSpatialQSettings(), ImpalaQSettings()])
def test_a_network_says_what_it_needs_to_see(settings):
    with pytest.raises(ConfigError, match=r"needs exactly one block of [23] dimensions .*, found x \[4\]"):
        build_network(settings, FLAT)


def test_places_are_seen_from_the_cell_one_stands_on():
    torch.manual_seed(0)
    encoder = build_network(EntityQSettings(relative_to="cell"), MAP).encoder
    cell = torch.zeros(1, 16, dtype=torch.uint8)
    cell[0, 1 * 4 + 2] = 1  # x 2, y 1 on a grid of 4
    things = torch.tensor([[[1.0, 0.0, 9.0]] * 4])
    rows = encoder._rows({"cell": cell, "affordances": things})
    assert rows[0, 0].tolist() == pytest.approx([1.0 / 3.0, -1.0 / 3.0, 1.0, 0.0, 9.0])
    with pytest.raises(ConfigError, match=r"network.relative_to: expected .*, found cell \[16\], affordances \[4, 3\]"):
        build_network(EntityQSettings(relative_to="hell"), MAP)
