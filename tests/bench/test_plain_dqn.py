"""The plain loop is the same Q-learning as a run's: the same windows, the same update, the same goal."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.plain_dqn import Learner, ReplayBuffer, Training
from learner.batch import Batch, Source
from learner.build import build_loss
from learner.update import QLearning
from townlet.config_file import load_config
from townlet.networks.build import build_network
from townlet.networks.encoders import flat
from townlet.worlds.build import build_world, world_spec

SMALL = (
    *("actor.lanes=4", "world.step_cap=30", "replay.capacity=2000", "replay.min_size_to_sample=100"),
    *("learner.batch_size=16", "learner.batches_per_request=1", "evaluation.episodes=3"),
    *("evaluation.period_updates=5", "evaluation.goal={mean_survival: 1, hold: 1, confirmations: 1}"),
)


def small(*overrides: str):
    return load_config(Path("configs/L1_full.yaml"), (*SMALL, *overrides))


def steps_of(config, count: int):
    """What the lanes saw, did and earned, step after step, by a policy that knows nothing."""
    torch.manual_seed(1)
    world = build_world(config, config.actor.lanes, 1)
    view = world.reset()
    for _ in range(count):
        action = torch.randint(view.action_mask.shape[1], (config.actor.lanes,))
        step = world.step(action)
        yield flat(view.observation), action, step
        view = step.view


def ends(step, lane: int) -> bool:
    return bool(step.terminated[lane] | step.truncated[lane])


def window(lived, start: int, lane: int, config):
    """By hand: the scaled return, the discount, and what was seen in the end."""
    earned, at, gamma = 0.0, start, config.learner.gamma
    while True:
        step = lived[at][1]
        earned += gamma ** (at - start) * config.learner.reward_scale * float(step.reward[lane])
        if ends(step, lane) or at == start + config.learner.n_step - 1:
            break
        at += 1
    view, row = step.view, lane
    if ends(step, lane):
        view, row = step.finished.view, step.finished.lanes.tolist().index(lane)
    discount = 0.0 if step.terminated[lane] else gamma ** (at - start + 1)
    return earned, discount, flat(view.observation)[row], view.action_mask[row]


@pytest.mark.parametrize("capacity", [2000, 256])
def test_windows_end_with_their_episode_whether_or_not_the_ring_has_come_round(capacity):
    config = small("world.step_cap=7", "world.meters.energy.initial=0.03", f"replay.capacity={capacity}")
    buffer = ReplayBuffer(config, world_spec(config), config.actor.lanes)
    lived = []
    for at, (observation, _, step) in enumerate(steps_of(config, 200)):
        told = replace(step, reward=torch.rand(4))
        buffer.add(observation, 4 * at + torch.arange(4), told)  # the action tells which step it was
        lived.append((observation, told))
    assert any(step.terminated.any() for _, step in lived)
    assert any(step.truncated.any() for _, step in lived)
    observation, action, reward, discount, seen, mask = buffer.sample(300)
    assert int(action.min()) >= 4 * 200 - capacity
    for row, (start, lane) in enumerate(divmod(int(which), 4) for which in action):
        earned, value, last, valid = window(lived, start, lane, config)
        assert torch.equal(observation[row], lived[start][0][lane])
        assert float(reward[row]) == pytest.approx(earned, rel=1e-4)
        assert float(discount[row]) == pytest.approx(value)
        assert torch.equal(seen[row], last)
        assert torch.equal(mask[row], valid)


def test_an_update_is_that_of_the_learner():
    config = small("learner.max_gradient_norm=0.5")
    spec = world_spec(config)
    buffer = ReplayBuffer(config, spec, config.actor.lanes)
    for step in steps_of(config, 100):
        buffer.add(*step)
    torch.manual_seed(3)
    plain = Learner(config, spec)
    torch.manual_seed(3)
    ours = QLearning(build_network(config.network, spec), config.learner, build_loss(config))
    for _ in range(5):
        observation, action, reward, discount, after, mask = sample = buffer.sample(16)
        source = Source(np.zeros(16, np.uint64), np.zeros(16, np.int64))
        ones = torch.ones(16)
        ours.update(Batch({"flat": observation}, action, reward, discount, {"flat": after}, mask, ones, source))
        plain.update(sample)
    networks = (
        (ours.online_network, plain.online),
        (ours.target_network, plain.target),
        (ours.averaged_network, plain.averaged),
    )
    for mine, theirs in networks:
        for name, value in theirs.state_dict().items():
            assert torch.allclose(mine.state_dict()[name], value, atol=1e-6), name


def test_it_ends_once_its_goal_is_confirmed_with_as_many_updates_as_samples_per_insert_allows():
    config = small()
    training = Training(config)
    training.run()
    assert [point.updates for point in training.points] == [5, 10]
    assert training.goal.confirmed
    # 10 updates of 16 samples, each step sampled twice, after the first 100.
    assert training.environment_steps == 100 + 10 * 16 // 2
    assert 0.0 < training.evaluation_s < training.points[-1].training_s


def test_it_gives_up_after_its_last_update():
    training = Training(small("learner.max_updates=7", "evaluation.goal={mean_survival: 31, hold: 31}"))
    training.run()
    assert training.learner.updates == 7
    assert not training.goal.confirmed
