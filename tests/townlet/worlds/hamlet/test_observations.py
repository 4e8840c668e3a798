"""What agents are shown has the sizes, order and dtypes that the specification gives."""

import subprocess
import sys

import pytest
import torch
from hamlet_levels import LEVELS, flat, lane_at, level, new_world

from townlet.worlds.hamlet.spec import environment_spec

BLOCKS = {
    ("classic", "full"): [("cell", (64,)), ("meters", (8,)), ("underfoot", (15,))],
    ("classic", "local"): [("window", (1, 5, 5)), ("position", (2,)), ("meters", (8,)), ("underfoot", (15,))],
    ("typed", "full"): [("cell", (64,)), ("affordances", (14, 3)), ("meters", (8,)), ("underfoot", (15,))],
    ("typed", "local"): [("window", (15, 5, 5)), ("position", (2,)), ("meters", (8,)), ("underfoot", (15,))],
}
SIZES = {("classic", "full"): 87, ("classic", "local"): 50, ("typed", "full"): 129, ("typed", "local"): 400}
FLOATS = {"affordances", "position", "meters", "temporal"}


@pytest.mark.parametrize("temporal", [False, True])
@pytest.mark.parametrize(("kind", "view"), BLOCKS)
def test_the_blocks_are_those_of_the_specification(kind, view, temporal):
    rules = level("L1_full", f"observation={kind}", f"view={view}", f"temporal={str(temporal).lower()}")
    expected = BLOCKS[kind, view] + ([("temporal", (3,))] if temporal else [])
    spec = environment_spec(rules)
    assert [(block.name, block.shape) for block in spec.observation] == expected
    assert spec.observation_size == SIZES[kind, view] + (3 if temporal else 0)


@pytest.mark.parametrize("kind", ["classic", "typed"])
@pytest.mark.parametrize("name", LEVELS)
def test_a_view_is_what_the_specification_of_its_world_promises(name, kind):
    world = new_world(level(name, f"observation={kind}"), lanes=3)
    view = world.view()
    assert list(view.observation) == [block.name for block in world.spec.observation]
    for block in world.spec.observation:
        tensor = view.observation[block.name]
        assert tensor.shape == (3, *block.shape)
        assert tensor.dtype == (torch.float32 if block.name in FLOATS else torch.uint8) == getattr(torch, block.dtype)
        assert tensor.is_contiguous()
    assert view.action_mask.shape == (3, world.spec.actions)
    assert flat(view).shape == (3, world.spec.observation_size)


def test_the_window_in_the_north_western_corner():
    """Bed at (1, 1), LuxuryBed at (2, 1), Shower at (2, 2); two rows and two columns are off the grid."""
    world = new_world(level("L2_partial"))
    window = world.view().observation["window"][lane_at(world, 0, 0)]
    assert window.tolist() == [
        [
            [0, 0, 0, 0, 0],
            [0, 0, 0, 0, 0],
            [0, 0, 0, 0, 0],
            [0, 0, 0, 1, 1],
            [0, 0, 0, 0, 1],
        ]
    ]


def test_the_typed_window_tells_what_stands_where_and_what_is_off_the_grid():
    world = new_world(level("L2_partial", "observation=typed"))
    planes = world.view().observation["window"][lane_at(world, 0, 0)]
    ones = {tuple(at) for at in planes[:-1].nonzero().tolist()}
    assert ones == {(0, 3, 3), (1, 3, 4), (2, 4, 4)}
    assert planes[-1].tolist() == [[1] * 5, [1] * 5, *[[1, 1, 0, 0, 0]] * 3]


@pytest.mark.parametrize("view", ["full", "local"])
def test_the_widest_grid_that_a_level_may_have_can_be_seen(view):
    """A table of a row for each cell and a column for each cell would take 4 GiB."""
    world = new_world(level("L1_full", "grid=256", f"view={view}"), lanes=2)
    assert flat(world.view()).shape == (2, world.spec.observation_size)


def test_the_value_goes_on_past_the_cap_unless_the_reward_pays_for_reaching_it():
    for reward in ("alive", "wellbeing", "survival_baseline", "sparse", "shaped"):
        spec = environment_spec(level("L1_full", f"reward={reward}"))
        assert spec.truncation_bootstraps == (reward != "survival_baseline")
        assert spec.step_cap == 500


def test_a_worlds_shape_is_known_without_torch():
    """The replay service reads the configuration, and `townlet config check` answers at once."""
    program = "import sys, townlet.config_file, townlet.worlds.hamlet.spec; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
