"""Lanes that live under a curriculum: fed once an episode, each lane on its own, good ones up and bad ones down."""

import pytest
import torch
from counting_world import CountingWorld
from hamlet_levels import CONFIGS
from school import Notebook, School

from actor.schooling import Schooling
from townlet.config_file import load_config
from townlet.curriculum.interface import StageChange
from townlet.errors import CheckpointError
from townlet.worlds.build import build_world
from townlet.worlds.hamlet.baselines import scripted, uniform_random, wait_forever


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """The kernels are too small to share, and the machine may be busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


QUICK = ("curriculum.window_episodes=2", "curriculum.min_episodes_at_stage=2")


def random(world):
    return uniform_random(torch.Generator().manual_seed(1))


def adversarial(lanes=4, *overrides):
    return School(load_config(CONFIGS / "L3_adversarial.yaml", [*QUICK, *overrides]), lanes)


class Recorder:
    """A curriculum of two stages that keeps what it is fed, and moves the lanes it is told to after an episode."""

    def __init__(self, lanes, moves=()) -> None:
        self.count = 2
        self.stage = torch.zeros(lanes, dtype=torch.int64)
        self.fed = []
        self._moves = moves

    def feed(self, ended):
        rows = zip(*(getattr(ended, name).tolist() for name in ended.__dataclass_fields__), strict=True)
        self.fed += list(rows)
        changes = []
        for lane in ended.lane.tolist():
            if lane in self._moves and self.stage[lane] == 0:
                self.stage[lane] = 1
                changes.append(StageChange(lane, 0, 1, "because", {"episodes": 1.0}))
        return changes

    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        assert state == {}


def school_of(curriculum, lanes, caps=(100, 100)):
    """With what the world's hook has been called with."""
    calls, notebook = [], Notebook()
    schooling = Schooling(
        curriculum,
        lambda lane, stage: calls.append((lane.tolist(), stage.tolist())),
        list(caps),
        notebook,
        lanes,
        torch.device("cpu"),
    )
    return schooling, calls, notebook


@pytest.mark.parametrize("dying", [(), (0, 1)])
def test_a_curriculum_is_fed_once_an_episode_with_the_whole_of_it_at_death_and_at_the_cap_alike(dying):
    """Pitfalls 6, 9 and 10: the steps are the episode's, and no part of the one before is in the next one's sums."""
    world, curriculum = CountingWorld([3, 5], dying), Recorder(2)
    schooling, _, _ = school_of(curriculum, 2, caps=(5, 5))
    view = world.reset()
    for _ in range(15):
        step = world.step(torch.zeros(2, dtype=torch.int64))
        schooling.add(view, torch.tensor([1.0, 0.0]), step)
        view = step.view
    died = bool(dying)
    short, long = (0, 3, 5, died, 1.0 + 2.0 + 3.0, 1.0), (1, 5, 5, died, 15.0, 0.0)
    expected = [short, long, short, short, long, short, short, long]
    assert [row[:4] for row in curriculum.fed] == [row[:4] for row in expected]
    assert [row[4] for row in curriculum.fed] == [row[4] for row in expected]
    assert [row[5] for row in curriculum.fed] == pytest.approx([row[5] for row in expected], abs=1e-6)


def test_the_entropy_is_the_mean_over_the_steps_of_the_episode():
    world, curriculum = CountingWorld([4]), Recorder(1)
    schooling, _, _ = school_of(curriculum, 1, caps=(4, 4))
    view = world.reset()
    for epsilon in (1.0, 0.0, 0.0, 0.0):
        step = world.step(torch.zeros(1, dtype=torch.int64))
        schooling.add(view, torch.tensor([epsilon]), step)
        view = step.view
    assert curriculum.fed[0][5] == pytest.approx(0.25)


def test_a_change_reaches_the_world_the_report_and_the_count_of_lanes():
    world, curriculum = CountingWorld([3, 3, 4]), Recorder(3, moves=(1,))
    schooling, calls, notebook = school_of(curriculum, 3)
    assert notebook.lanes_at_stage == [3, 0]
    view = world.reset()
    for _ in range(8):
        step = world.step(torch.zeros(3, dtype=torch.int64))
        schooling.add(view, torch.zeros(3), step)
        view = step.view
    assert calls == [([1], [1])]
    assert [change.lane for change in notebook.changes] == [1]
    assert notebook.lanes_at_stage == [2, 1]


def test_each_episode_is_fed_with_the_cap_of_the_stage_it_was_played_at():
    world, curriculum = CountingWorld([3, 3]), Recorder(2, moves=(1,))
    schooling, _, _ = school_of(curriculum, 2, caps=(3, 7))
    view = world.reset()
    for _ in range(6):
        step = world.step(torch.zeros(2, dtype=torch.int64))
        schooling.add(view, torch.zeros(2), step)
        view = step.view
    assert [(row[0], row[2]) for row in curriculum.fed] == [(0, 3), (1, 3), (0, 3), (1, 7)]


def test_a_good_policy_advances_through_all_stages_and_a_bad_one_falls_back_again():
    """Pitfall 6: the stage never left 1 for the whole run."""
    school = adversarial(4, "curriculum.window_episodes=1", "curriculum.min_episodes_at_stage=1")
    school.live(scripted(school.world), epsilon=0.0, steps=4 * 500)
    assert school.curriculum.stage.tolist() == [4] * 4
    assert school.world.state.difficulty.tolist() == [4] * 4
    assert [change.to_stage for change in school.notebook.changes if change.lane == 0] == [1, 2, 3, 4]
    assert school.notebook.lanes_at_stage == [0, 0, 0, 0, 4]
    school.live(random(school.world), epsilon=1.0, steps=600)
    assert school.curriculum.stage.max() < 4
    assert all(change.reason.endswith("is below 0.3") for change in school.notebook.changes[16:])


def test_a_random_policy_does_not_advance():
    school = adversarial()
    school.live(random(school.world), epsilon=1.0, steps=2000)
    assert school.finished_episodes > 20
    assert school.curriculum.stage.tolist() == [0] * 4


def test_who_only_waits_is_stopped_where_waiting_no_longer_lasts():
    """Waiting lasts 500 steps at a multiplier of 0.2, and 283 of 500 at 0.5."""
    school = adversarial()
    school.live(wait_forever(school.world), epsilon=0.0, steps=3000)
    assert school.curriculum.stage.tolist() == [1] * 4


def test_a_good_policy_graduates_from_the_staged_world_by_itself():
    school = School(load_config(CONFIGS / "three_meter_staged.yaml", ["curriculum.window_episodes=2"]), 4)
    school.live(scripted(school.world), epsilon=0.0, steps=100 + 200 + 1000)
    assert school.curriculum.stage.tolist() == [3] * 4
    assert all(change.reason.endswith("graduated") for change in school.notebook.changes[-4:])
    school.live(scripted(school.world), epsilon=0.0, steps=1000)
    assert school.curriculum.stage.tolist() == [3] * 4


def test_who_only_waits_does_not_graduate():
    school = School(load_config(CONFIGS / "three_meter_staged.yaml", ["curriculum.window_episodes=2"]), 2)
    school.live(wait_forever(school.world), epsilon=0.0, steps=2000)
    assert school.curriculum.stage.tolist() == [2] * 2


def test_the_static_curriculum_changes_nothing_and_reports_nothing():
    school = School(load_config(CONFIGS / "L1_full.yaml"), 3)
    school.live(random(school.world), epsilon=1.0, steps=600)
    assert school.curriculum.stage.tolist() == [0] * 3
    assert school.notebook.lanes_at_stage == []
    assert school.notebook.changes == []


def test_a_decision_holds_from_the_first_step_of_the_next_episode():
    """By hand: at stage 1 one wait costs energy 0.001 + 0.2 * 0.005, at stage 2 0.001 + 0.5 * 0.005."""
    school = adversarial(1, "world.step_cap=20")
    wait = wait_forever(school.world)
    lost = []
    for _ in range(41):
        before = school.view.observation["meters"][0, 0]
        school.live(wait, epsilon=0.0, steps=1)
        lost.append(float(before - school.view.observation["meters"][0, 0]))
    assert lost[38] == pytest.approx(0.002, abs=1e-6)
    assert lost[40] == pytest.approx(0.0035, abs=1e-6)
    assert school.curriculum.stage.tolist() == [1]


def test_who_does_not_train_plays_the_level_as_it_is():
    """As the evaluator builds its world: one wait costs energy 0.001 + 0.005, and all meters decay."""
    world = build_world(load_config(CONFIGS / "L3_adversarial.yaml"), lanes=1, seed=1)
    before = world.reset().observation["meters"][0]
    lost = before - world.step(wait_forever(world)(world.view())).view.observation["meters"][0]
    assert lost[0] == pytest.approx(0.006, abs=1e-6)
    assert (lost > 0.0).tolist() == [True, True, True, False, True, True, True, True]  # all but money


def test_a_school_that_is_saved_and_loaded_goes_on_identically():
    schools = [adversarial(3, "world.step_cap=60") for _ in range(2)]
    one, other = schools
    one.live(scripted(one.world), epsilon=0.1, steps=250)
    other.world.load_state_dict(one.world.state_dict())
    other.schooling.load_state_dict(one.schooling.state_dict())
    other.view = other.world.view()
    assert other.notebook.lanes_at_stage == one.notebook.lanes_at_stage
    known = len(one.notebook.changes)
    assert known > 0
    for school in schools:
        school.live(scripted(school.world), epsilon=0.1, steps=400)
    assert one.notebook.changes[known:] == other.notebook.changes
    assert len(other.notebook.changes) > 0
    states = [school.schooling.state_dict() | school.world.state_dict() for school in schools]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_a_damaged_state_is_refused():
    school = adversarial(2)
    state = school.schooling.state_dict()
    with pytest.raises(CheckpointError, match="returns"):
        school.schooling.load_state_dict({name: tensor for name, tensor in state.items() if name != "returns"})
    with pytest.raises(CheckpointError, match="stage"):
        school.schooling.load_state_dict({name: t for name, t in state.items() if name != "curriculum.stage"})


@pytest.mark.gpu
def test_lanes_on_a_gpu_go_through_the_same_stages():
    config = load_config(CONFIGS / "L3_adversarial.yaml", [*QUICK, "world.step_cap=60"])
    here, there = (School(config, 8, device=device) for device in ("cpu", "cuda"))
    for school in (here, there):
        school.live(scripted(school.world), epsilon=0.0, steps=500)
    moves = [
        [(change.lane, change.from_stage, change.to_stage) for change in school.notebook.changes]
        for school in (here, there)
    ]
    assert moves[0] == moves[1]
    assert here.curriculum.stage.tolist() == there.world.state.difficulty.tolist() == [4] * 8
