"""Episodes of a policy: each lane counts once, and an abandoned episode not at all."""

import torch
from counting_world import CountingWorld

from townlet.evaluation import Reflex, play
from townlet.worlds.interface import Step


class Dropping(CountingWorld):
    """Lane 1's episode is abandoned in its second step, and again when it plays on after its first end."""

    taken = 0

    def step(self, action):
        step = super().step(action)
        self.taken += 1
        if self.taken not in (2, 8):
            return step
        self._steps = torch.where(torch.arange(self.lanes) == 1, 0, self._steps)
        reward = torch.where(torch.arange(self.lanes) == 1, 0.0, step.reward)
        return Step(self.view(), reward, step.terminated, step.truncated, step.finished, torch.tensor([1]))


def wait(view):
    return torch.zeros(len(view.action_mask), dtype=torch.int64)


def test_an_abandoned_episode_gives_way_to_another_one():
    survival = play(Dropping([10, 4]), Reflex(wait))
    assert survival.steps == [10, 4]
    assert survival.returns == [55.0, 10.0]
