"""Finished episodes count with what they brought; dropped ones only as dropped."""

import torch
from counting_world import CountingWorld

from actor.tally import Tally
from townlet.worlds.interface import Finished, Step


class Reports:
    """Keeps what a reporter would tell the learner."""

    def __init__(self) -> None:
        self.environment_steps = 0
        self.dropped_episodes = 0
        self.episodes = []

    def add_episode(self, steps, extrinsic_return, terminated):
        self.episodes.append((steps, extrinsic_return, terminated))


def test_the_rewards_of_a_dropped_episode_count_for_none():
    world, reports = CountingWorld([9, 9]), Reports()
    tally, view = Tally(reports, 2, torch.device("cpu")), world.reset()
    no, reward = torch.tensor([False, False]), torch.tensor([1.0, 10.0])
    tally.add(Step(view, reward, no, no, None))
    tally.add(Step(view, torch.tensor([0.0, 10.0]), no, no, None, dropped=torch.tensor([0])))
    tally.add(Step(view, reward, no, no, None))
    finished = Finished(torch.tensor([0, 1]), view, torch.tensor([2, 4]))
    tally.add(Step(view, reward, torch.tensor([True, False]), torch.tensor([False, True]), finished))
    assert reports.episodes == [(2, 2.0, True), (4, 40.0, False)]
    assert (reports.environment_steps, reports.dropped_episodes) == (8, 1)
