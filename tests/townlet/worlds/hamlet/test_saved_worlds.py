"""A saved world goes on as the one that was saved."""

import pytest
import torch
from hamlet_levels import LEVELS, busy, flat, level
from hypothesis import given, settings
from hypothesis import strategies as st

from townlet.errors import CheckpointError
from townlet.worlds.hamlet.world import HamletWorld


def new_world(name="L3_temporal", lanes=4, seed=1):
    world = HamletWorld(level(name), lanes, seed)
    world.reset()
    return world


def live(world, steps, seed):
    """Everything that happens in so many steps."""
    generator = torch.Generator().manual_seed(seed)
    view, story = world.view(), []
    for _ in range(steps):
        step = world.step(busy(view, generator))
        view = step.view
        story += [flat(view), view.action_mask, step.reward, step.terminated, step.truncated]
        if step.finished is not None:
            story += [step.finished.lanes, step.finished.steps, flat(step.finished.view)]
    return story


def assert_same(one, other):
    assert len(one) == len(other)
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("layout", ["fixed", "random", "random_after"])
@pytest.mark.parametrize("name", LEVELS)
def test_a_loaded_world_lives_on_like_the_saved_one(name, layout):
    rules = level(name, f"layout={layout}", "random_layout_after=10", "step_cap=60", "reward=survival_baseline")
    saved = HamletWorld(rules, lanes=9, seed=3, first_lane=2**32)
    saved.reset()
    saved.set_run_episodes(10)
    saved.set_multiplier(torch.linspace(0.2, 1.8, 9))
    live(saved, 45, seed=1)
    state = saved.state_dict()
    loaded = HamletWorld(rules, lanes=9, seed=77)
    loaded.load_state_dict(state)
    assert torch.equal(flat(loaded.view()), flat(saved.view()))
    assert torch.equal(loaded.view().action_mask, saved.view().action_mask)
    assert_same(live(saved, 100, seed=2), live(loaded, 100, seed=2))


@settings(max_examples=10)
@given(st.sampled_from(LEVELS), st.integers(0, 60), st.integers(0, 2**63 - 1))
def test_a_world_can_be_saved_after_any_step(name, steps, seed):
    saved = HamletWorld(level(name, "layout=random"), lanes=3, seed=seed)
    saved.reset()
    live(saved, steps, seed=1)
    loaded = HamletWorld(level(name, "layout=random"), lanes=3, seed=0)
    loaded.load_state_dict(saved.state_dict())
    assert_same(live(saved, 30, seed=2), live(loaded, 30, seed=2))


def test_a_saved_state_is_a_copy():
    world = new_world()
    state = world.state_dict()
    kept = {name: tensor.clone() for name, tensor in state.items()}
    loaded = new_world()
    loaded.load_state_dict(state)
    live(world, 30, seed=1)
    live(loaded, 30, seed=1)
    assert all(torch.equal(state[name], kept[name]) for name in kept)


def test_every_tensor_of_a_state_is_on_the_worlds_device_and_named():
    world = new_world()
    assert all(isinstance(name, str) and tensor.device == world.device for name, tensor in world.state_dict().items())


def damaged():
    """Names of what can be wrong, and the damage done to one tensor at a time."""
    for name in new_world().state_dict():
        yield f"{name} missing", lambda state, name=name: state.pop(name)
        yield f"{name} longer", lambda state, name=name: state.update({name: torch.stack([state[name]] * 2)})
        yield f"{name} of another dtype", lambda state, name=name: state.update({name: state[name].to(torch.float64)})
    yield "another unknown", lambda state: state.update({"another": torch.zeros(1)})


@pytest.mark.parametrize(("what", "damage"), [pytest.param(*case, id=case[0]) for case in damaged()])
def test_a_damaged_state_is_refused_by_name_and_changes_nothing(what, damage):
    source = new_world(seed=2)
    live(source, 20, seed=1)
    state = source.state_dict()
    damage(state)
    world, spared = new_world(), new_world()
    with pytest.raises(CheckpointError, match=what.split()[0]):
        world.load_state_dict(state)
    assert_same(live(world, 20, seed=1), live(spared, 20, seed=1))


def test_a_state_of_another_number_of_lanes_or_of_another_level_is_refused():
    world = new_world()
    for other in (new_world(lanes=5), new_world("L0_minimal")):
        with pytest.raises(CheckpointError):
            world.load_state_dict(other.state_dict())
