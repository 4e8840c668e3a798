"""A vectorized world of any environment: resets, final views, time limits and seeds, however its lanes are stepped."""

import pytest
import torch
from toy_environments import DIE, STEP

from townlet.errors import CheckpointError, InvalidRequestError, WorldError
from townlet.worlds.gymnasium.settings import GymnasiumSettings
from townlet.worlds.gymnasium.world import GymnasiumWorld

TOY = "toy_environments:Toy-v0"


@pytest.fixture
def build():
    """Worlds that are closed when the test ends."""
    worlds = []

    def build(lanes: int = 3, seed: int = 1, first_lane: int = 0, repeats: bool = False, **settings) -> GymnasiumWorld:
        of_toy = GymnasiumSettings(**{"id": TOY} | settings)
        worlds.append(GymnasiumWorld(of_toy, lanes, seed, first_lane=first_lane, repeats=repeats))
        return worlds[-1]

    yield build
    for world in worlds:
        world.close()


def act(world: GymnasiumWorld, *actions: int):
    return world.step(torch.tensor(actions))


def history(world: GymnasiumWorld, steps: int = 40) -> list[torch.Tensor]:
    """All that lanes see and get over so many steps of the same actions."""
    random = torch.Generator().manual_seed(0)
    tensors = list(world.reset().observation.values())
    for _ in range(steps):
        step = world.step(torch.randint(2, (world.lanes,), generator=random))
        tensors += [*step.view.observation.values(), step.reward, step.terminated, step.truncated]
        if step.finished is not None:
            tensors += [step.finished.lanes, step.finished.steps, *step.finished.view.observation.values()]
    return tensors


def same(first: list[torch.Tensor], second: list[torch.Tensor]) -> bool:
    return len(first) == len(second) and all(map(torch.equal, first, second))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_lane_that_ends_shows_the_next_episode_and_tells_the_last_view_of_the_old_one(build, workers):
    world = build(workers=workers)
    first = world.reset().observation["observation"]
    act(world, STEP, STEP, STEP)
    step = act(world, STEP, DIE, STEP)
    assert step.terminated.tolist() == [False, True, False]
    assert not step.truncated.any()
    assert step.reward.tolist() == [2.0, 2.0, 2.0]
    assert step.finished.lanes.tolist() == [1]
    assert step.finished.steps.tolist() == [2]
    assert step.finished.view.observation["observation"].tolist() == [[first[1, 0].item(), 2.0]]
    assert step.finished.view.action_mask.all()
    seen = step.view.observation["observation"]
    assert seen[:, 1].tolist() == [2.0, 0.0, 2.0]
    assert seen[1, 0] != first[1, 0]
    assert step.view.action_mask.tolist() == [[True] * 6, [True] * 4 + [False] * 2, [True] * 6]
    assert step.dropped is None


@pytest.mark.parametrize("settings", [{}, {"step_cap": 6}, {"id": "toy_environments:Endless-v0", "step_cap": 6}])
def test_the_time_limit_truncates(build, settings):
    world = build(1, **settings)
    world.reset()
    flags = [(bool(s.terminated), bool(s.truncated)) for s in (act(world, STEP) for _ in range(12))]
    assert flags == [(False, False)] * 5 + [(False, True)] + [(False, False)] * 5 + [(False, True)]


def test_death_at_the_limit_is_death(build):
    world = build(1)
    world.reset()
    for _ in range(5):
        act(world, STEP)
    step = act(world, DIE)
    assert (bool(step.terminated), bool(step.truncated)) == (True, False)


def test_what_an_environment_calls_truncated_is_truncated(build):
    world = build(1, id="toy_environments:Sampled-v0", kwargs={"name": "pair"})
    world.reset()
    step = act(world, STEP)
    assert (bool(step.terminated), bool(step.truncated), int(step.finished.steps)) == (False, True, 1)
    assert list(step.view.observation) == ["far", "near"]


def test_the_same_seed_gives_the_same_lives(build):
    assert same(history(build()), history(build()))
    assert not same(history(build()), history(build(seed=2)))
    assert not same(history(build()), history(build(first_lane=1)))


@pytest.mark.parametrize("workers", [1, 2, 3, 5])
def test_how_many_workers_step_the_lanes_changes_nothing(build, workers):
    alone = build(4, id="CartPole-v1")
    assert same(history(alone), history(build(4, id="CartPole-v1", workers=workers)))


def test_a_lane_lives_the_same_in_whatever_world_it_is(build):
    first = build(4, id="CartPole-v1").reset().observation["observation"]
    second = build(2, id="CartPole-v1", first_lane=2).reset().observation["observation"]
    assert torch.equal(first[2:], second)
    assert len(torch.unique(first, dim=0)) == 4


def test_no_two_episodes_of_a_run_begin_alike(build):
    marks = [build(2, first_lane=lane).reset().observation["observation"][:, 0] for lane in (0, 2, 2**32, 2**32 + 2)]
    world = build(8)
    marks += [world.reset().observation["observation"][:, 0], world.reset().observation["observation"][:, 0]]
    assert len(torch.unique(torch.cat(marks))) == 20  # lanes 0 to 3 are there twice


def test_no_tensor_of_a_step_is_written_to_by_a_later_one(build):
    world = build()
    before = act(world, STEP, DIE, STEP) if world.reset() else None
    kept = [before.view.observation["observation"].clone(), before.reward.clone(), before.view.action_mask.clone()]
    act(world, DIE, STEP, DIE)
    assert same(kept, [before.view.observation["observation"], before.reward, before.view.action_mask])


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (torch.tensor([0, 9, 0]), "expected IDs from 0 to 5, found 9 in lane 1"),
        (torch.tensor([0, 0, -1]), "found -1 in lane 2"),
        (torch.tensor([0, 0]), r"expected torch.int64 \[3\], found torch.int64 \[2\]"),
        (torch.zeros(3), r"expected torch.int64 \[3\], found torch.float32 \[3\]"),
    ],
)
def test_actions_that_are_none_change_nothing(build, action, words):
    world = build()
    view = world.reset()
    with pytest.raises(InvalidRequestError, match=words):
        world.step(action)
    assert torch.equal(world.view().observation["observation"], view.observation["observation"])


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"far": [0.0, 1.0], "near": 0}, "far: expected float32 [2], found float64 [2]"),
        ({"near": 0}, "far: expected a value at 'far', found dict"),
    ],
)
def test_an_environment_that_shows_what_it_does_not_declare_is_named(build, workers, told, words):
    name = "toy_environments:Sampled-v0"
    world = build(id=name, kwargs={"name": "pair", "told": told}, workers=workers)
    with pytest.raises(WorldError) as caught:
        world.reset()
    assert str(caught.value) == f"{name}: observation block {words}"


def test_a_saved_world_goes_on_with_the_episodes_that_follow(build):
    world = build()
    world.reset()
    act(world, STEP, DIE, STEP)
    state = world.state_dict()
    following = world.reset().observation["observation"]
    other = build()
    other.load_state_dict(state)
    assert torch.equal(other.view().observation["observation"], following)
    with pytest.raises(CheckpointError, match="saved world: lane: expected "):
        build(first_lane=1).load_state_dict(state)
    with pytest.raises(CheckpointError, match=r"saved world: episode: expected int64 \[2\], found int64 \[3\]"):
        build(2).load_state_dict(state | {"lane": state["lane"][:2]})


def live(world: GymnasiumWorld, steps: int, seed: int) -> list[torch.Tensor]:
    """What lanes see and get, now and over so many steps, which end now and then."""
    random = torch.Generator().manual_seed(seed)
    seen = [*world.view().observation.values()]
    for _ in range(steps):
        step = world.step((torch.rand(world.lanes, generator=random) < 0.1).long() * DIE)
        seen += [*step.view.observation.values(), step.reward, step.terminated, step.truncated]
    return seen


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("steps", [0, 1, 33])
def test_a_world_that_repeats_goes_on_in_the_middle_of_its_episodes(build, workers, steps):
    world, other = (build(step_cap=20, repeats=True, workers=workers) for _ in range(2))
    assert world.saves_running_episodes
    world.reset()
    live(world, steps, seed=1)
    state = world.state_dict()
    other.reset()
    live(other, 12, seed=2)
    other.load_state_dict(state)
    assert all(torch.equal(tensor, state[name]) for name, tensor in other.state_dict().items())
    assert same(live(other, 40, seed=3), live(world, 40, seed=3))
    assert torch.equal(other.state_dict()["done"], world.state_dict()["done"])


def test_an_environment_that_does_not_keep_to_its_seed_cannot_be_taken_up(build):
    world = build(id="toy_environments:Whimsical-v0", step_cap=20, repeats=True)
    world.reset()
    live(world, 5, seed=1)
    with pytest.raises(CheckpointError, match="the same seeds and actions do not lead to the same observations"):
        build(id="toy_environments:Whimsical-v0", step_cap=20, repeats=True).load_state_dict(world.state_dict())


def test_actions_that_do_not_fit_their_episodes_are_refused(build):
    world = build(step_cap=20, repeats=True)
    world.reset()
    act(world, STEP, STEP, STEP)
    state = world.state_dict()
    for damage in ({"steps": torch.tensor([1, 1, 20])}, {"done": state["done"][:2]}):
        with pytest.raises(CheckpointError, match="expected from 0 to 19 in each lane and an action for each"):
            build(step_cap=20, repeats=True).load_state_dict(state | damage)


def test_a_lane_is_told_in_plain_values(build):
    world = build()
    world.reset()
    act(world, STEP, DIE, STEP)
    lane = world.lane(1)
    assert (lane.episode, lane.steps, lane.blocks["observation"][1]) == (1, 0, 0.0)
    assert (world.lane(0).episode, world.lane(0).steps) == (0, 1)
