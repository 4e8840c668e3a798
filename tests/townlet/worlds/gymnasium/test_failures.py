"""Environments that raise, hang or die are replaced in their lane; the others go on."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from toy_environments import BLOCK, DIE, EXIT, RAISE, SLEEP, STEP

from townlet.errors import WorldError
from townlet.worlds.gymnasium import processes as processes_module
from townlet.worlds.gymnasium.lane import MOST_FAILURES
from townlet.worlds.gymnasium.settings import GymnasiumSettings
from townlet.worlds.gymnasium.world import GymnasiumWorld

TIMEOUT_S = 1.0


@pytest.fixture
def build():
    """Worlds that are closed when the test ends."""
    worlds = []

    def build(workers: int, lanes: int = 4, **kwargs) -> GymnasiumWorld:
        settings = GymnasiumSettings(
            id="toy_environments:Toy-v0",
            step_cap=100,
            kwargs=kwargs,
            workers=workers,
            step_timeout_s=TIMEOUT_S if workers else None,
        )
        worlds.append(GymnasiumWorld(settings, lanes, seed=1))
        return worlds[-1]

    yield build
    for world in worlds:
        world.close()


def act(world: GymnasiumWorld, *actions: int):
    return world.step(torch.tensor(actions))


@pytest.mark.parametrize(
    ("workers", "trouble"), [(0, RAISE), (1, RAISE), (2, RAISE), (1, SLEEP), (2, SLEEP), (4, BLOCK), (4, EXIT)]
)
def test_only_the_lane_that_fails_is_dropped_and_begins_another_episode(build, workers, trouble):
    world = build(workers)
    first = world.reset().observation["observation"]
    act(world, STEP, STEP, STEP, STEP)
    step = act(world, STEP, STEP, trouble, STEP)
    assert step.dropped.tolist() == [2]
    assert step.finished is None
    assert not (step.terminated | step.truncated).any()
    assert step.reward.tolist() == [2.0, 2.0, 0.0, 2.0]
    seen = step.view.observation["observation"]
    assert seen[:, 1].tolist() == [2.0, 2.0, 0.0, 2.0]
    assert seen[2, 0] != first[2, 0]
    assert torch.equal(seen[[0, 1, 3], 0], first[[0, 1, 3], 0])
    step = act(world, STEP, STEP, STEP, STEP)
    assert step.dropped is None
    assert step.view.observation["observation"][:, 1].tolist() == [3.0, 3.0, 1.0, 3.0]


@pytest.mark.parametrize("trouble", [BLOCK, EXIT])
def test_a_process_that_cannot_be_interrupted_is_replaced_with_all_its_lanes(build, trouble):
    world = build(workers=2)
    world.reset()
    act(world, STEP, STEP, STEP, STEP)
    step = act(world, STEP, STEP, trouble, STEP)
    assert step.dropped.tolist() == [2, 3]
    assert step.view.observation["observation"][:, 1].tolist() == [2.0, 2.0, 0.0, 0.0]
    assert act(world, STEP, STEP, STEP, STEP).reward.tolist() == [3.0, 3.0, 1.0, 1.0]


def test_a_replaced_lane_lives_on_as_its_seed_says(build):
    def after_a_failure(workers: int) -> torch.Tensor:
        world = build(workers)
        world.reset()
        return act(world, RAISE, STEP, STEP, STEP).view.observation["observation"]

    assert torch.equal(after_a_failure(0), after_a_failure(2))


@pytest.mark.parametrize("workers", [0, 2])
def test_an_environment_that_fails_again_and_again_ends_the_run_with_its_last_words(build, workers):
    world = build(workers)
    world.reset()
    for _ in range(MOST_FAILURES - 1):
        assert act(world, STEP, RAISE, STEP, STEP).dropped.tolist() == [1]
    with pytest.raises(WorldError) as caught:
        act(world, STEP, RAISE, STEP, STEP)
    assert str(caught.value).startswith(
        "toy_environments:Toy-v0: expected lane 1 to finish an episode now and then, found 50 failures in a row, the "
        "last one RuntimeError: the pole broke ("
    )


def test_one_that_finishes_episodes_may_fail_for_ever(build):
    world = build(0, lanes=1)
    world.reset()
    for _ in range(2 * MOST_FAILURES):
        assert act(world, RAISE).dropped.tolist() == [0]
        assert act(world, DIE).terminated.all()


def test_an_environment_that_cannot_even_begin_is_told(build):
    with pytest.raises(WorldError, match="50 failures in a row, the last one OSError: no simulator"):
        build(1, failing_resets=1).reset()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_reset_that_fails_takes_nothing_from_the_episode_before_it(build, workers):
    world = build(workers, failing_resets=2)
    world.reset()
    for _ in range(3):
        step = act(world, DIE, STEP, STEP, STEP)
        assert step.finished.lanes.tolist() == [0]
        assert step.dropped is None
        assert step.view.observation["observation"][0, 1] == 0.0


def test_a_process_that_is_killed_from_outside_is_replaced(build):
    world = build(workers=2)
    world.reset()
    world._lanes._workers[0]._process.kill()
    step = act(world, STEP, STEP, STEP, STEP)
    assert step.dropped.tolist() == [0, 1]
    assert step.reward.tolist() == [0.0, 0.0, 1.0, 1.0]


def test_processes_end_with_their_world(build, monkeypatch):
    monkeypatch.setattr(processes_module, "CLOSE_TIMEOUT_S", 60.0)
    world = build(workers=2)
    world.reset()
    processes = [worker._process for worker in world._lanes._workers]
    world.close()
    assert [process.returncode for process in processes] == [0, 0]


def test_a_world_that_nobody_uses_leaves_no_process_behind():
    world = GymnasiumWorld(GymnasiumSettings(id="toy_environments:Toy-v0", workers=1), 2, seed=1)
    process = world._lanes._workers[0]._process
    world.reset()
    del world
    deadline = time.monotonic() + 10
    while process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_workers_do_not_outlive_a_parent_that_is_killed():
    program = (
        "from townlet.worlds.gymnasium.settings import GymnasiumSettings\n"
        "from townlet.worlds.gymnasium.world import GymnasiumWorld\n"
        "world = GymnasiumWorld(GymnasiumSettings(id='CartPole-v1', workers=1), 1, seed=1)\n"
        "world.reset()\n"
        "print(world._lanes._workers[0]._process.pid, flush=True)\n"
        "input()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        worker = Path(f"/proc/{int(parent.stdout.readline())}/cmdline")
        assert b"townlet.worlds.gymnasium.worker" in worker.read_bytes()
        parent.kill()
    deadline = time.monotonic() + 10
    while worker.exists() and worker.read_bytes():
        assert time.monotonic() < deadline
        time.sleep(0.01)
