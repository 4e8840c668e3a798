"""Difficulties: each lane's own decay, prices, rewards and cap, against the scalar rules and by hand."""

import pytest
import torch
from hamlet_levels import INTERACT, WAIT, busy, flat, lane_at, level, same_for_all
from scalar_hamlet import ScalarHamlet

from townlet.errors import CheckpointError, InvalidRequestError
from townlet.worlds.hamlet.rules import DifficultySettings
from townlet.worlds.hamlet.world import HamletWorld

TOLERANCE = 2e-6
LOW = tuple(f"meters.{name}.initial=0.28" for name in ("satiation", "mood", "social", "hygiene"))

EASY = DifficultySettings(multiplier=0.2, decaying=("energy", "hygiene"), costs=False)
POOR = DifficultySettings(multiplier=0.5, decaying=("energy", "hygiene", "satiation"), income=False, step_cap=30)
PAID = DifficultySettings(
    multiplier=1.7, decaying=("energy", "health", "fitness"), use_rewards={"Bed": 5.0, "Job": -2.0}
)
SPARSE = DifficultySettings(reward="sparse", step_cap=45)
SHAPED = DifficultySettings(reward="shaped", multiplier=0.9)
FIT = DifficultySettings(decaying=("energy", "fitness", "hygiene"))  # one end of the modulation, not the other
SICK = DifficultySettings(decaying=("energy", "health", "satiation", "mood"))
FULL = DifficultySettings()
MIXED = (EASY, POOR, PAID, SPARSE, SHAPED, FIT, SICK, FULL)


def world_of(*difficulties, name="L1_full", overrides=(), lanes=None, seed=1):
    """One lane a difficulty, or `lanes` lanes that all begin with the first."""
    world = HamletWorld(level(name, *overrides), lanes or len(difficulties), seed, difficulties=difficulties)
    if lanes is None:
        places = torch.arange(len(difficulties))
        world.set_difficulty(places, places)
    world.reset()
    return world


VARIANTS = [
    ("L1_full", ()),
    ("L1_full", LOW),
    ("L3_temporal", ()),
    ("L3_temporal", (*LOW, "payment.mask_unaffordable=true", "meters.money.initial=0.06")),
    ("L1_full", ("meters.money.initial=0.02", "step_cap=60", "multiplier=1.3")),
    ("L2_partial", ("reward=wellbeing", "layout=random")),
]


@pytest.mark.parametrize(("name", "overrides"), VARIANTS, ids=str)
def test_every_lane_lives_by_the_scalar_rules_of_its_own_difficulty(name, overrides):
    world = world_of(*MIXED, name=name, overrides=overrides)
    generator = torch.Generator().manual_seed(1)

    def twin(lane):
        state = world.lane(lane)
        return ScalarHamlet(world.settings, state.position, state.layout, MIXED[lane])

    view, twins, ended = world.view(), [twin(lane) for lane in range(world.lanes)], set()
    for _ in range(200):
        assert view.action_mask.tolist() == [each.mask() for each in twins]
        for each, values in zip(twins, view.observation["meters"].tolist(), strict=True):
            each.meters = dict(zip(world.settings.meter_names, values, strict=True))
        action = busy(view, generator)
        step = world.step(action)
        for lane, each in enumerate(twins):
            reward, died, capped = each.step(int(action[lane]))
            lethal = min(each.meters[name] for name, meter in world.settings.meters.items() if meter.lethal)
            if lethal > TOLERANCE:
                assert (bool(step.terminated[lane]), bool(step.truncated[lane])) == (died, capped)
                assert float(step.reward[lane]) == pytest.approx(reward, abs=1e-4)
        if step.finished is not None:
            last = [twins[lane] for lane in step.finished.lanes.tolist()]
            expected = torch.tensor([each.observation() for each in last])
            assert (flat(step.finished.view) - expected).abs().max() <= TOLERANCE
            assert step.finished.view.action_mask.tolist() == [each.mask() for each in last]
            for lane in step.finished.lanes.tolist():
                ended.add(lane)
                twins[lane] = twin(lane)
        view = step.view
    assert len(ended) >= 2


def test_the_numbers_of_stage_1_by_hand():
    """One wait in an empty cell: energy 1 - 0.001 - 0.2 * 0.005, hygiene 1 - 0.2 * 0.003, and nothing else."""
    world = world_of(EASY, FULL, lanes=400)
    lane = lane_at(world, 1, 2)
    world.step(same_for_all(world, WAIT))
    found = world.lane(lane).meters
    expected = dict.fromkeys(found, 1.0) | {"energy": 0.998, "hygiene": 0.9994, "money": 0.5}
    assert found == pytest.approx(expected, abs=TOLERANCE)


def test_nothing_costs_money_where_there_are_no_costs_and_work_pays_all_the_same():
    world = world_of(EASY, overrides=["meters.money.initial=0.01", "meters.energy.initial=0.5"], lanes=400)
    bed, job = lane_at(world, 1, 1), lane_at(world, 6, 6)
    world.step(same_for_all(world, INTERACT))
    assert world.lane(bed).meters["energy"] == pytest.approx(1.0 - 0.001, abs=TOLERANCE)  # cannot pay 0.05
    assert world.lane(bed).meters["money"] == pytest.approx(0.01)
    assert world.lane(job).meters["money"] == pytest.approx(0.235)


def test_work_pays_nothing_where_there_is_no_income_and_prices_stand():
    world = world_of(POOR, lanes=400)
    bed, job = lane_at(world, 1, 1), lane_at(world, 6, 6)
    world.step(same_for_all(world, INTERACT))
    assert world.lane(bed).meters["money"] == pytest.approx(0.45)
    assert world.lane(job).meters["money"] == pytest.approx(0.5)


def test_the_survival_baseline_is_that_of_the_lanes_own_difficulty():
    """Half the decay, and none: 1 / (0.0025 + 0.001), and the cap, which 1 / 0.001 is beyond."""
    half, none = DifficultySettings(multiplier=0.5, step_cap=20), DifficultySettings(decaying=(), step_cap=25)
    long = DifficultySettings(multiplier=0.5)
    world = world_of(half, none, long, overrides=["reward=survival_baseline"])
    paid = {}
    for count in range(1, 400):
        step = world.step(same_for_all(world, WAIT))
        for lane in step.finished.lanes.tolist() if step.finished else ():
            paid.setdefault(lane, (count, float(step.reward[lane])))
    assert paid[0] == (20, 0.0)
    assert paid[1] == (25, 0.0)
    lived, reward = paid[2]
    assert reward == pytest.approx(lived - 1.0 / 0.0035, abs=1e-3)


def test_lanes_at_the_levels_own_difficulty_live_as_in_a_world_without_difficulties():
    worlds = [world_of(EASY, FULL, lanes=64), HamletWorld(level("L1_full"), 64, seed=1)]
    worlds[0].set_difficulty(torch.arange(64), torch.ones(64, dtype=torch.int64))
    views = [worlds[0].view(), worlds[1].reset()]
    generator = torch.Generator().manual_seed(1)
    for _ in range(150):
        action = busy(views[0], generator)
        one, other = (world.step(action) for world in worlds)
        assert torch.equal(flat(one.view), flat(other.view))
        assert torch.equal(one.reward, other.reward)
        views = [one.view, other.view]


def test_lanes_are_independent_of_the_difficulties_of_others():
    worlds = [world_of(EASY, FULL, lanes=4) for _ in range(2)]
    worlds[0].set_difficulty(torch.tensor([1, 3]), torch.tensor([1, 1]))
    for _ in range(60):
        one, other = (world.step(same_for_all(world, WAIT)) for world in worlds)
        meters = [step.view.observation["meters"] for step in (one, other)]
        assert torch.equal(meters[0][[0, 2]], meters[1][[0, 2]])
        assert not torch.equal(meters[0][[1, 3]], meters[1][[1, 3]])


def test_a_difficulty_stays_with_its_lane_over_the_ends_of_episodes():
    world = world_of(DifficultySettings(step_cap=3), DifficultySettings(step_cap=5))
    ends = {0: [], 1: []}
    for count in range(1, 16):
        step = world.step(same_for_all(world, WAIT))
        for lane in step.finished.lanes.tolist() if step.finished else ():
            ends[lane].append(count)
    assert ends == {0: [3, 6, 9, 12, 15], 1: [5, 10, 15]}


def test_only_lanes_that_have_just_begun_can_be_given_a_difficulty():
    world = world_of(DifficultySettings(step_cap=2), FULL, lanes=2)
    world.step(same_for_all(world, WAIT))
    with pytest.raises(InvalidRequestError, match="taken no step yet, found lane 1 after 1"):
        world.set_difficulty(torch.tensor([1]), torch.tensor([1]))
    world.step(same_for_all(world, WAIT))
    world.set_difficulty(torch.tensor([1]), torch.tensor([1]))
    assert world.state.difficulty.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("lanes", "difficulty", "words"),
    [
        ([0], [2], "difficulty: expected 0 to 1, found 2"),
        ([0], [-1], "difficulty: expected 0 to 1, found -1"),
        ([3], [0], "lanes: expected 0 to 2, found 3"),
        ([0, 1], [1], r"difficulty: expected torch.int64 \[2\]"),
        ([0], [1.0], r"difficulty: expected torch.int64 .* found torch.float32"),
    ],
)
def test_a_difficulty_that_is_none_is_refused_and_changes_nothing(lanes, difficulty, words):
    world = world_of(EASY, FULL, lanes=3)
    with pytest.raises(InvalidRequestError, match=words):
        world.set_difficulty(torch.tensor(lanes), torch.tensor(difficulty))
    assert world.state.difficulty.tolist() == [0, 0, 0]


def test_a_world_without_difficulties_has_none_to_set():
    world = HamletWorld(level("L1_full"), 2, seed=1)
    with pytest.raises(InvalidRequestError, match="found one that has none"):
        world.set_difficulty(torch.tensor([0]), torch.tensor([0]))


def test_a_saved_world_goes_on_at_the_same_difficulties():
    saved = world_of(*MIXED, overrides=["layout=random"])
    generator = torch.Generator().manual_seed(3)
    for _ in range(40):
        saved.step(busy(saved.view(), generator))
    loaded = HamletWorld(saved.settings, saved.lanes, seed=9, difficulties=MIXED)
    loaded.load_state_dict(saved.state_dict())
    for _ in range(80):
        action = busy(saved.view(), generator)
        one, other = saved.step(action), loaded.step(action)
        assert torch.equal(flat(one.view), flat(other.view))
        assert torch.equal(one.reward, other.reward)
        assert torch.equal(one.truncated, other.truncated)


def test_a_saved_lane_beyond_the_cap_of_its_difficulty_is_refused():
    world = world_of(FULL, DifficultySettings(step_cap=5), lanes=2)
    for _ in range(10):
        world.step(same_for_all(world, WAIT))
    state = world.state_dict()
    state["difficulty"][1] = 1
    with pytest.raises(CheckpointError, match="steps: expected fewer than the cap"):
        world.load_state_dict(state)


OTHER = {
    "multiplier": 0.5,
    "decaying": ("energy", "hygiene", "satiation"),
    "costs": False,
    "income": False,
    "reward": "sparse",
    "use_rewards": {"Bed": 1.0},
    "step_cap": 40,
}


@pytest.mark.parametrize("key", DifficultySettings.model_fields)
def test_every_key_of_a_difficulty_changes_what_happens(key):
    """Pitfalls 7 and 11: declared meters and rewards were ignored."""
    assert DifficultySettings.model_fields.keys() == OTHER.keys()
    changed = DifficultySettings(**{key: OTHER[key]})
    worlds = [world_of(each, name="L1_full", lanes=64) for each in (FULL, changed)]
    generator = torch.Generator().manual_seed(1)
    differs = False
    for _ in range(60):
        action = busy(worlds[0].view(), generator)
        one, other = (world.step(action) for world in worlds)
        differs |= not (torch.equal(flat(one.view), flat(other.view)) and torch.equal(one.reward, other.reward))
    assert differs
