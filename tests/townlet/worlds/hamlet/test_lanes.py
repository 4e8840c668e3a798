"""Lanes never see each other, and each of them has exactly one reset an episode."""

import pytest
import torch
from hamlet_levels import INTERACT, LEVELS, UP, WAIT, busy, flat, level, same_for_all
from hypothesis import given, settings
from hypothesis import strategies as st

from townlet.errors import InvalidRequestError
from townlet.evaluation import Reflex, play
from townlet.worlds.hamlet.world import HamletWorld


def fingerprint(step):
    return torch.cat(
        [
            flat(step.view),
            step.view.action_mask.float(),
            torch.stack((step.reward, step.terminated.float(), step.truncated.float()), dim=1),
        ],
        dim=1,
    )


@settings(max_examples=15)
@given(
    name=st.sampled_from(LEVELS),
    layout=st.sampled_from(["fixed", "random"]),
    seed=st.integers(0, 2**63 - 1),
    first=st.sampled_from([0, 7, 2**32 - 2, 2**32]),
    skipped=st.integers(0, 3),
    lanes=st.integers(1, 3),
)
def test_a_lane_is_the_same_whoever_else_is_in_its_world(name, layout, seed, first, skipped, lanes):
    rules = level(name, f"layout={layout}", "step_cap=25")
    many = HamletWorld(rules, skipped + lanes + 2, seed, first_lane=first)
    few = HamletWorld(rules, lanes, seed, first_lane=first + skipped)
    view = many.reset()
    here = slice(skipped, skipped + lanes)
    assert torch.equal(flat(view)[here], flat(few.reset()))
    generator = torch.Generator().manual_seed(seed % 1000)
    for _ in range(60):
        action = busy(view, generator)
        step = many.step(action)
        assert torch.equal(fingerprint(step)[here], fingerprint(few.step(action[here])))
        view = step.view


def test_another_seed_is_another_world():
    rules = level("L1_full", "layout=random")
    one, other = (flat(HamletWorld(rules, 50, seed).reset()) for seed in (1, 2))
    assert not torch.equal(one, other)


@settings(max_examples=15)
@given(
    name=st.sampled_from(LEVELS),
    multiplier=st.sampled_from([0.0, 0.3, 1.0, 9.0]),
    initial=st.floats(0.01, 1.0),
    seed=st.integers(0, 99),
)
def test_meters_stay_within_0_and_1_and_something_can_always_be_done(name, multiplier, initial, seed):
    meters = [f"meters.{meter}.initial={initial}" for meter in level(name).meter_names]
    world = HamletWorld(level(name, f"multiplier={multiplier}", *meters), lanes=20, seed=seed)
    view = world.reset()
    generator = torch.Generator().manual_seed(seed)
    for _ in range(80):
        meters_seen = view.observation["meters"]
        assert meters_seen.min() >= 0.0
        assert meters_seen.max() <= 1.0
        assert view.action_mask.any(1).all()
        step = world.step(busy(view, generator))
        assert not (step.terminated & step.truncated).any()
        view = step.view


def test_a_finished_lane_begins_anew_in_the_same_step_and_keeps_its_last_view():
    world = HamletWorld(level("L3_temporal", "step_cap=30"), lanes=40, seed=1)
    view = world.reset()
    lives = torch.zeros(world.lanes, dtype=torch.int64)
    generator = torch.Generator().manual_seed(1)
    for _ in range(100):
        step = world.step(busy(view, generator))
        lives += 1
        over = step.terminated | step.truncated
        if step.finished is None:
            assert not over.any()
        else:
            assert torch.equal(step.finished.lanes, torch.nonzero(over).squeeze(1))
            assert torch.equal(step.finished.steps, lives[over])
            assert (step.finished.view.observation["meters"] < 1.0).any(1).all()
            assert (step.view.observation["meters"][over] == torch.tensor([1, 1, 1, 0.5, 1, 1, 1, 1])).all()
            assert all(world.lane(lane).steps == 0 for lane in step.finished.lanes.tolist())
        lives[over] = 0
        view = step.view


def test_a_dead_lane_is_never_stepped_again():
    """Pitfall 9: one death is one end; the next episode lasts as long as the first."""
    world = HamletWorld(level("L1_full"), lanes=2, seed=1)
    world.reset()
    deaths = [int(world.step(same_for_all(world, WAIT)).terminated.sum()) for _ in range(3 * 164)]
    assert [at + 1 for at, count in enumerate(deaths) if count] == [164, 328, 492]


def test_where_the_next_episode_begins_does_not_depend_on_how_the_last_one_went():
    """Pitfall 12: exactly one reset an episode, so the k-th beginning is the same however long the others lasted."""
    beginnings = []
    for seed in (1, 2):
        world = HamletWorld(level("L1_full", "layout=random"), lanes=1, seed=5)
        view = world.reset()
        generator = torch.Generator().manual_seed(seed)
        starts, lengths = [], []
        while len(starts) < 5:
            step = world.step(busy(view, generator))
            view = step.view
            if step.finished is not None:
                state = world.lane(0)
                starts.append((state.position, state.layout))
                lengths.append(step.finished.steps.item())
        beginnings.append((starts, lengths))
    (starts, lengths), (other_starts, other_lengths) = beginnings
    assert starts == other_starts
    assert lengths != other_lengths


def test_the_end_of_an_episode_resets_a_lane_once():
    """Pitfall 12: the second episode after an end is the second after two resets."""
    rules = level("L1_full", "layout=random", "step_cap=3")
    ended, reset = (HamletWorld(rules, lanes=10, seed=5) for _ in range(2))
    ended.reset()
    for _ in range(4):
        reset.reset()
        expected = [reset.lane(lane) for lane in range(10)]
        assert [ended.lane(lane) for lane in range(10)] == expected
        for _ in range(3):
            ended.step(same_for_all(ended, WAIT))


def test_episodes_begin_in_every_cell_alike():
    world = HamletWorld(level("L1_full"), lanes=64 * 500, seed=1)
    counts = world.reset().observation["cell"].sum(0, dtype=torch.float64)
    deviation = (counts - 500.0) / (500.0 * 63 / 64) ** 0.5
    assert deviation.abs().max() < 4.0


def test_death_on_the_caps_step_is_death_only():
    for cap, dies in ((163, False), (164, True), (165, True)):
        world = HamletWorld(level("L1_full", f"step_cap={cap}"), lanes=1, seed=1)
        world.reset()
        steps = [world.step(same_for_all(world, WAIT)) for _ in range(min(cap, 164))]
        assert not any(step.finished for step in steps[:-1])
        assert (steps[-1].terminated.item(), steps[-1].truncated.item()) == (dies, not dies)


def test_each_lane_has_its_own_difficulty():
    world = HamletWorld(level("L1_full"), lanes=4, seed=1)
    world.reset()
    world.set_multiplier(torch.tensor([0.2, 0.5, 0.8, 1.0]))
    assert list(play(world, Reflex(lambda view: same_for_all(world, WAIT))).steps) == [500, 283, 197, 164]


@pytest.mark.parametrize(
    ("multiplier", "found"),
    [
        (torch.ones(3), r"\[3\]"),
        (torch.ones(2, dtype=torch.float64), "float64"),
        (torch.tensor([1.0, -0.5]), "-0.5"),
        (torch.tensor([float("nan"), 1.0]), "nan"),
        (torch.tensor([1.0, float("inf")]), "inf"),
    ],
)
def test_a_difficulty_that_is_none_is_refused_and_changes_nothing(multiplier, found):
    world = HamletWorld(level("L1_full"), lanes=2, seed=1)
    world.reset()
    with pytest.raises(InvalidRequestError, match=f"multiplier.*found.*{found}"):
        world.set_multiplier(multiplier)
    assert list(play(world, Reflex(lambda view: same_for_all(world, WAIT))).steps) == [164, 164]


def test_no_tensor_of_a_step_is_written_to_later():
    world = HamletWorld(level("L3_temporal", "layout=random", "step_cap=5"), lanes=1, seed=1)
    world.reset()
    steps = [world.step(same_for_all(world, UP)) for _ in range(5)]
    before = [(fingerprint(step).clone(), step.finished and flat(step.finished.view).clone()) for step in steps]
    for _ in range(12):
        world.step(same_for_all(world, INTERACT))
    for step, (kept, final) in zip(steps, before, strict=True):
        assert torch.equal(fingerprint(step), kept)
        if step.finished is not None:
            assert torch.equal(flat(step.finished.view), final)


def test_writing_into_a_view_changes_nothing():
    world, spared = (HamletWorld(level("L1_full"), lanes=1, seed=1) for _ in range(2))
    view = world.reset()
    spared.reset()
    for block in (*view.observation.values(), view.action_mask):
        block.zero_()
    assert torch.equal(flat(world.view()), flat(spared.view()))
    assert torch.equal(fingerprint(world.step(torch.tensor([UP]))), fingerprint(spared.step(torch.tensor([UP]))))


@pytest.mark.parametrize(
    ("action", "found"),
    [
        (torch.zeros(2, dtype=torch.int64), r"\[2\]"),
        (torch.zeros(3, 1, dtype=torch.int64), r"\[3, 1\]"),
        (torch.zeros(3, dtype=torch.int32), "int32"),
        (torch.zeros(3), "float32"),
        (torch.tensor([0, 6, 1]), "6"),
        (torch.tensor([0, 1, -1]), "-1"),
    ],
)
def test_an_action_that_is_none_is_refused_by_name_and_changes_nothing(action, found):
    world = HamletWorld(level("L1_full"), lanes=3, seed=1)
    before = flat(world.reset())
    with pytest.raises(InvalidRequestError, match=rf"action.*found.*{found}"):
        world.step(action)
    assert torch.equal(flat(world.view()), before)
    assert world.lane(0).steps == 0


def test_wait_is_unknown_where_it_is_switched_off():
    world = HamletWorld(level("L1_full", "actions.wait_enabled=false"), lanes=1, seed=1)
    assert world.reset().action_mask.shape == (1, 5)
    with pytest.raises(InvalidRequestError, match="5"):
        world.step(torch.tensor([WAIT]))


@pytest.mark.gpu
@pytest.mark.parametrize("name", LEVELS)
def test_every_device_gives_the_same_lives(name):
    rules = level(name, "layout=random", "observation=typed")
    here, there = (HamletWorld(rules, 64, seed=1, device=device) for device in ("cpu", "cuda"))
    view = here.reset()
    there.reset()
    generator = torch.Generator().manual_seed(1)
    for _ in range(300):
        action = busy(view, generator)
        step, other = here.step(action), there.step(action.cuda())
        torch.testing.assert_close(fingerprint(step), fingerprint(other).cpu(), rtol=0, atol=2e-5)
        view = step.view
