"""Compiled rules and those by tensors are the same to the bit, and a world does without the compiled ones."""

import pytest
import torch
from compiler import needs_compiler
from hamlet_levels import busy, level
from hamlet_variants import VARIANTS, called

from townlet.worlds.hamlet.compiled import CompiledMechanics
from townlet.worlds.hamlet.mechanics import TensorMechanics, build_mechanics
from townlet.worlds.hamlet.rules import DifficultySettings
from townlet.worlds.hamlet.world import HamletWorld

LANES = 7
STEPS = 150
DIFFICULTIES = (
    DifficultySettings(multiplier=0.5, decaying=("energy", "satiation"), costs=False, step_cap=30),
    DifficultySettings(income=False, reward="survival_baseline", use_rewards={"Bed": 0.5}),
    DifficultySettings(multiplier=1.3, reward="shaped"),
)


def both(settings, difficulties=()):
    return [HamletWorld(settings, LANES, 5, difficulties=difficulties, compiled=flag) for flag in (True, False)]


def assert_same_bits(one, other):
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert tensor.dtype == other[name].dtype, name
        assert torch.equal(tensor.view(torch.uint8), other[name].view(torch.uint8)), name


def everything(step, world):
    """All that a step brought and left behind, by name, at least one number each."""
    brought = {"reward": step.reward, "terminated": step.terminated, "truncated": step.truncated, "used": world.used}
    views = {"next": step.view}
    if step.finished is not None:
        brought |= {"finished": step.finished.lanes, "length": step.finished.steps}
        views["last"] = step.finished.view
    for when, view in views.items():
        brought |= {f"{when} {name}": block.flatten() for name, block in view.observation.items()}
        brought[f"{when} mask"] = view.action_mask.flatten()
    left = {name: tensor.flatten() for name, tensor in world.state_dict().items()}
    return brought | left


def live_both_ways(compiled, tensors, before_step=lambda _: None):
    """The same life in both; the number of episodes that ended in it."""
    generator = torch.Generator().manual_seed(3)
    view, other = compiled.reset(), tensors.reset()
    assert_same_bits(view.observation, other.observation)
    ended = 0
    for _ in range(STEPS):
        for world in (compiled, tensors):
            before_step(world)
        action = busy(view, generator)
        step = compiled.step(action)
        assert_same_bits(everything(step, compiled), everything(tensors.step(action), tensors))
        ended += 0 if step.finished is None else len(step.finished.lanes)
        view = step.view
    return ended


@needs_compiler
@pytest.mark.parametrize("variant", VARIANTS, ids=called)
def test_compiled_rules_are_those_by_tensors_to_the_bit(variant):
    assert live_both_ways(*both(level(*variant))) > 0


@needs_compiler
@pytest.mark.parametrize("name", ["L1_full", "L3_temporal", "L2_partial"])
def test_they_are_so_where_lanes_differ_in_difficulty_and_multiplier(name):
    def vary(world):
        """Every lane that begins an episode takes the next difficulty."""
        fresh = torch.nonzero(world.state.steps == 0).squeeze(1)
        world.set_difficulty(fresh, (world.state.episode[fresh] + fresh) % len(DIFFICULTIES))
        world.set_multiplier(torch.linspace(0.2, 2.0, LANES))

    rules = level(name, "payment.mask_unaffordable=true", "step_cap=60")
    assert live_both_ways(*both(rules, DIFFICULTIES), before_step=vary) > 2 * LANES


@needs_compiler
def test_they_are_so_where_layouts_become_random_while_the_world_lives():
    compiled, tensors = both(level("L2_partial", "layout=random_after", "random_layout_after=5", "step_cap=20"))

    def grow_old(world):
        world.set_run_episodes(int(world.state.episode.sum()))

    assert live_both_ways(compiled, tensors, before_step=grow_old) > 5
    assert not torch.equal(compiled.state.place[0], compiled.state.place[1])


@needs_compiler
def test_a_world_that_was_saved_by_one_goes_on_in_the_other():
    compiled, tensors = both(level("L3_temporal", "layout=random"))
    compiled.reset()
    for _ in range(50):
        compiled.step(torch.arange(LANES) % 5)
    tensors.load_state_dict(compiled.state_dict())
    action = torch.arange(LANES) % 5
    assert_same_bits(everything(compiled.step(action), compiled), everything(tensors.step(action), tensors))


@needs_compiler
@pytest.mark.parametrize(("wanted", "kind"), [(True, CompiledMechanics), (False, TensorMechanics)])
def test_worlds_on_cpus_go_by_compiled_rules_unless_told_otherwise(wanted, kind):
    world = HamletWorld(level("L1_full"), LANES, 5)
    assert isinstance(build_mechanics(world.settings, world.rules, world.device, compiled=wanted), kind)
