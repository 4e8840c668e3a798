"""The Q-learning of a configuration as one plain loop: act, step, store, sample, update, and now and then evaluate.

The peer of `bench.level_race`: one process, nothing served, nothing durable, nothing beside. World, network, loss,
exploration, replay ratio and every number are the configuration's, and the goal is judged as in a run. In favour of the
loop, it acts with its newest parameters, and steps are sampled as soon as they are taken. Prints one line of JSON.
"""

import argparse
import copy
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor
from torch.nn import functional

from learner.goal import EvaluationPoint, GoalState
from townlet.arithmetic import calculate
from townlet.config import Config
from townlet.config_file import load_config
from townlet.evaluation import Greedy, play
from townlet.exploration import epsilon_greedy, ladder
from townlet.exploration_settings import LadderSettings
from townlet.learner_settings import PolyakSettings
from townlet.networks.build import build_network
from townlet.networks.encoders import flat
from townlet.networks.interface import FeedForwardQ
from townlet.networks.settings import MlpQSettings
from townlet.replay_settings import UniformSettings
from townlet.specs import EnvironmentSpec
from townlet.td import double_q_value, n_step_discount, n_step_return
from townlet.worlds.build import build_world, world_spec
from townlet.worlds.interface import Step, View

THREADS = 1
"""Of torch: the matrices are so small that a second one makes updates slower."""
EVALUATION_FIRST_LANE = 2**32
"""As in a run: evaluation episodes are none that are trained on."""

Sample = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]
"""observation, action, n-step return, discount, next observation and next action mask, each [B, ...]."""


def check(config: Config) -> None:
    """Refuses what the loop does not do."""
    assert isinstance(config.network, MlpQSettings), "it stores flat observations"
    assert isinstance(config.exploration, LadderSettings), config.exploration
    assert isinstance(config.replay.sampler, UniformSettings), config.replay.sampler
    assert isinstance(config.learner.target, PolyakSettings), config.learner.target
    assert config.curiosity is None, config.curiosity
    assert not config.curriculum.difficulties, config.curriculum
    assert not config.learner.value_rescaling, "values are learned as they are"
    assert config.replay.samples_per_insert is not None, "it learns and acts in turn"
    assert config.evaluation.goal is not None, "else it never ends"


class ReplayBuffer:
    """The newest steps of all L lanes, a row of the ring each. R rows, D floats an observation."""

    def __init__(self, config: Config, spec: EnvironmentSpec, lanes: int) -> None:
        rows, size = config.replay.capacity // lanes, spec.observation_size
        self._n_step, self._gamma = config.learner.n_step, config.learner.gamma
        self._reward_scale = config.learner.reward_scale
        self._truncation_bootstraps = spec.truncation_bootstraps
        self._observation = torch.zeros(rows, lanes, size)
        self._next_observation = torch.zeros(rows, lanes, size)
        self._next_mask = torch.zeros(rows, lanes, spec.actions, dtype=torch.bool)
        self._action = torch.zeros(rows, lanes, dtype=torch.int64)
        self._reward = torch.zeros(rows, lanes)
        self._ended = torch.zeros(rows, lanes, dtype=torch.bool)
        self._value_ended = torch.zeros(rows, lanes, dtype=torch.bool)
        self._written = 0

    def add(self, observation: Tensor, action: Tensor, step: Step) -> None:
        """Store one step of every lane. observation: float32 [L, D]. action: int64 [L]."""
        row = self._written % len(self._action)
        self._observation[row] = observation
        self._next_observation[row] = flat(step.view.observation)
        self._next_mask[row] = step.view.action_mask
        if step.finished is not None:  # the view of a lane that has reset is of its next episode
            self._next_observation[row, step.finished.lanes] = flat(step.finished.view.observation)
            self._next_mask[row, step.finished.lanes] = step.finished.view.action_mask
        self._action[row] = action
        self._reward[row] = self._reward_scale * step.reward
        self._ended[row] = step.terminated | step.truncated
        self._value_ended[row] = step.terminated if self._truncation_bootstraps else self._ended[row]
        self._written += 1

    def sample(self, batch_size: int) -> Sample:
        """Windows of N steps, or fewer where the episode ends before."""
        rows, lanes = self._action.shape
        filled = min(self._written, rows)
        first = torch.randint(self._written - filled, self._written - self._n_step + 1, (batch_size, 1))
        row = (first + torch.arange(self._n_step)) % rows
        lane = torch.randint(lanes, (batch_size, 1))
        goes_on = (~self._ended[row, lane]).cumprod(dim=1)  # int64 [B, N]: 1 up to the end of the episode
        real = functional.pad(goes_on[:, :-1], (1, 0), value=1)
        reward = n_step_return(self._reward[row, lane] * real, gamma=self._gamma)
        steps, lane = real.sum(dim=1), lane.squeeze(1)
        start, last = row[:, 0], row.gather(1, steps[:, None] - 1).squeeze(1)
        discount = n_step_discount(steps, self._value_ended[last, lane], gamma=self._gamma)
        return (
            self._observation[start, lane],
            self._action[start, lane],
            reward,
            discount,
            self._next_observation[last, lane],
            self._next_mask[last, lane],
        )


class Learner:
    """Double, dueling, n-step Q-learning with a target and an averaged network."""

    def __init__(self, config: Config, spec: EnvironmentSpec) -> None:
        self._settings = config.learner
        assert isinstance(config.learner.target, PolyakSettings)
        self._tau = config.learner.target.tau
        self.online = cast(FeedForwardQ, build_network(config.network, spec))
        self.target = copy.deepcopy(self.online).requires_grad_(False)
        self.averaged = copy.deepcopy(self.online).requires_grad_(False)
        networks = (self.online, self.target, self.averaged)
        self._parameters, self._target, self._averaged = (list[Tensor](network.parameters()) for network in networks)
        settings = config.learner
        self._optimiser = torch.optim.Adam(
            self._parameters, lr=settings.learning_rate, eps=settings.adam_epsilon, fused=True
        )
        self.updates = 0

    def update(self, sample: Sample) -> None:
        """Learn from one batch."""
        observation, action, reward, discount, next_observation, next_mask = sample
        with torch.no_grad():
            after = {"flat": next_observation}
            goal = reward + discount * double_q_value(self.online(after), self.target(after), next_mask)
        taken = self.online({"flat": observation}).gather(1, action[:, None]).squeeze(1)
        loss = functional.huber_loss(taken, goal, delta=self._settings.huber_delta)
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch's own
        torch.nn.utils.clip_grad_norm_(self._parameters, self._settings.max_gradient_norm)
        self._optimiser.step()
        self.updates += 1
        decay = min(self._settings.averaging, self.updates / (self.updates + 9))
        with torch.no_grad():
            torch._foreach_lerp_(self._target, self._parameters, self._tau)
            torch._foreach_lerp_(self._averaged, self._parameters, 1.0 - decay)


class Training:
    """One agent from scratch, until the goal is confirmed or it gives up.

    points: the evaluations. evaluation_s: what they took, all together. started_at: of the first step, `time.time()`.
    """

    def __init__(self, config: Config) -> None:
        check(config)
        torch.manual_seed(config.seed)
        spec = world_spec(config)
        self._config = config
        self.lanes = config.actor.count * config.actor.lanes
        self._world = build_world(config, self.lanes, config.seed)
        self._evaluated = build_world(config, config.evaluation.episodes, config.seed, EVALUATION_FIRST_LANE)
        self.learner = Learner(config, spec)
        self._replay = ReplayBuffer(config, spec, self.lanes)
        assert isinstance(config.exploration, LadderSettings)
        self._epsilon = ladder(config.exploration, 0, self.lanes, self.lanes)
        self.environment_steps = 0
        self.points: list[EvaluationPoint] = []
        self.goal = GoalState()
        self.evaluation_s = 0.0
        self.started_at = 0.0

    def run(self) -> None:
        """Train."""
        limit = self._config.learner.max_updates
        self.started_at = time.time()
        view = self._world.reset()
        while not self._ends(limit):
            view = self._step(view)
            while self._update_is_due() and not self._ends(limit):
                self.learner.update(self._replay.sample(self._config.learner.batch_size))
                if self.learner.updates % self._config.evaluation.period_updates == 0:
                    self._evaluate()

    def _ends(self, limit: int | None) -> bool:
        return self.goal.confirmed or self.learner.updates == limit

    @torch.no_grad()
    def _step(self, view: View) -> View:
        observation = flat(view.observation)
        uniform = torch.rand(self.lanes, view.action_mask.shape[1] + 1)
        q = self.learner.online({"flat": observation})
        action = epsilon_greedy(q, view.action_mask, self._epsilon, uniform)
        step = self._world.step(action)
        self._replay.add(observation, action, step)
        self.environment_steps += self.lanes
        return step.view

    def _update_is_due(self) -> bool:
        """What has been inserted since the first min_size steps pays for so many samples."""
        replay = self._config.replay
        paid = (self.environment_steps - replay.min_size_to_sample) * (replay.samples_per_insert or 0.0)
        return paid >= (self.learner.updates + 1) * self._config.learner.batch_size

    def _evaluate(self) -> None:
        """Play the evaluation's episodes with the averaged network, while nothing is trained."""
        began = time.time()
        survival = play(self._evaluated, Greedy(self.learner.averaged, self._evaluated))
        ended = time.time()
        self.evaluation_s += ended - began
        steps, returns = survival.mean, survival.mean_return
        point = EvaluationPoint(
            self.learner.updates,
            ended - self.started_at,
            steps.value,
            steps.standard_error,
            returns.value,
            returns.standard_error,
        )
        self.points.append(point)
        assert self._config.evaluation.goal is not None
        self.goal = self.goal.after(self._config.evaluation.goal, point)
        print(f"{point.training_s:.1f} s, {point.updates} updates: {steps.value:.1f} steps", file=sys.stderr)


def main(words: Sequence[str] | None = None) -> None:
    """Train and print. words: the command line's where there are none."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as of `townlet up`")
    chosen = parser.parse_args(words)
    calculate(threads=THREADS)
    training = Training(load_config(chosen.config, chosen.set))
    training.run()
    found = {
        "reached": training.goal.confirmed,
        "started_at": training.started_at,
        "ended_at": time.time(),
        "evaluation_s": training.evaluation_s,
        "environment_steps": training.environment_steps,
        "evaluations": [vars(point) for point in training.points],
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
