"""Every network sees what it is given, or says what it needs."""

import pytest
import torch

from townlet.errors import ConfigError
from townlet.networks.build import build_network
from townlet.networks.memory import Memory
from townlet.networks.settings import (
    EgocentricQSettings,
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
    (
        FieldSpec("cell", "uint8", (16,)),
        FieldSpec("affordances", "float32", (4, 3)),
        FieldSpec("meters", "float32", (2,)),
    ),
    actions=6,
    step_cap=100,
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


@pytest.mark.parametrize(
    "settings", [EgocentricQSettings(), EntityQSettings(), RecurrentSpatialQSettings(), ImpalaQSettings()]
)
def test_a_network_says_what_it_needs_to_see(settings):
    with pytest.raises(ConfigError, match=r"needs exactly one block of [23] dimensions .*, found x \[4\]"):
        build_network(settings, FLAT)


def town_map(cell: tuple[int, int], *things: tuple[int, int]):
    """One observation of MAP, a grid of 4 cells a side."""
    one_hot = torch.zeros(1, 16, dtype=torch.uint8)
    one_hot[0, cell[1] * 4 + cell[0]] = 1
    rows = [[x / 3.0, y / 3.0, 1.0] for x, y in things]
    return {"cell": one_hot, "affordances": torch.tensor([rows]), "meters": torch.ones(1, 2)}


def test_things_are_seen_from_the_cell_one_stands_on():
    torch.manual_seed(0)
    network = build_network(EgocentricQSettings(), MAP)
    things = ((0, 0), (1, 2), (2, 1), (0, 2))
    q = network(town_map((0, 1), *things))
    moved = network(town_map((1, 2), *((x + 1, y + 1) for x, y in things)))
    torch.testing.assert_close(moved, q)
    for at in range(len(things)):
        other = [(x + (at == place), y) for place, (x, y) in enumerate(things)]
        assert not torch.allclose(network(town_map((0, 1), *other)), q), at
    shut = town_map((0, 1), *things)
    shut["affordances"][0, 3, 2] = 0.0
    assert not torch.allclose(network(shut), q)


def test_the_first_layer_is_linear_in_one_hot_offsets():
    """What is looked up is what the products with one-hot vectors would be."""
    torch.manual_seed(0)
    encoder = build_network(EgocentricQSettings(), MAP).encoder
    looked_up = []
    encoder.layers.register_forward_pre_hook(lambda module, inputs: looked_up.append(inputs[0]))
    encoder(town_map((2, 1), (3, 0), (2, 1), (0, 3), (1, 1)))
    offsets = [(1, -1), (0, 0), (-2, 2), (-1, 0)]
    one_hot = torch.zeros(4, 2, 7)
    for thing, offset in enumerate(offsets):
        for axis, steps in enumerate(offset):
            one_hot[thing, axis, steps + 3] = 1.0
    expected = one_hot.flatten() @ encoder.offsets.weight + encoder.rest(torch.ones(1, 2 + 4))
    torch.testing.assert_close(looked_up[0], expected)


def test_who_stands_nowhere_is_told_so():
    with pytest.raises(
        ConfigError, match=r"network.centre: expected .*, found cell \[16\], affordances \[4, 3\], meters \[2\]"
    ):
        build_network(EgocentricQSettings(centre="hell"), MAP)
