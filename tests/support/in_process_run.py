"""A whole run without services: one actor, one table and one learner take turns in one thread, in a fixed order."""

from collections.abc import Iterator

import numpy as np
import torch

from actor.agent import Agent
from actor.curiosity import Curiosity
from actor.episodes import EpisodeAccumulator
from learner.batch import Source
from learner.build import build_curiosity, build_loss, build_windows
from learner.update import QLearning
from protos import policy_pb2, replay_pb2
from replay_service.arena import Arena, Slice
from replay_service.rate_limiter import RateLimiter
from replay_service.sampler.uniform import UniformSampler
from replay_service.table import Table
from townlet.config import Config
from townlet.exploration import decayed
from townlet.exploration_settings import DecaySettings
from townlet.networks.build import build_network
from townlet.networks.distillation import RandomDistillation
from townlet.policy import encode_weights
from townlet.records import RecordLayout
from townlet.sample_call import Sampled
from townlet.subscribe_call import ReceivedPolicy
from townlet.worlds.build import build_world, world_spec

CPU = torch.device("cpu")


class InProcessRun:
    """Learns what the configuration says, `samples_per_insert` kept exactly, a new policy every publishing period."""

    def __init__(self, config: Config) -> None:
        torch.manual_seed(config.seed)
        self._config = config
        spec, lanes = world_spec(config), config.actor.lanes
        self._layout = RecordLayout.of(spec, config.memory)
        self._windows = build_windows(config, self._layout, spec)
        self.world = build_world(config, lanes, config.seed)
        self.learning = QLearning(
            build_network(config.network, spec), config.learner, build_loss(config), build_curiosity(config, spec, CPU)
        )
        self._agent = Agent(
            build_network(config.network, spec),
            lanes,
            0,
            torch.Generator().manual_seed(config.seed),
            Curiosity(RandomDistillation(config.curiosity, spec)) if config.curiosity else None,
        )
        self._episodes = EpisodeAccumulator(self._layout, lanes, config.steps_per_part, CPU, config.memory)
        self._table = Table(
            Arena(config.replay.capacity, self._layout.stride),
            UniformSampler(config.replay.capacity, config.window_period),
            RateLimiter(None, 1, 1.0),
            np.random.Generator(np.random.Philox(config.seed)),
            config.window_period,
        )
        self.episodes = 0
        self._inserted = 0

    def steps(self, environment_steps: int) -> Iterator[None]:
        """Live so many steps of the environment, and learn beside; yields at every view of the world."""
        view = self.world.reset()
        self._publish()
        for _ in range(environment_steps // self.world.lanes):
            yield
            action = self._agent.act(view)
            step = self.world.step(action)
            for part in self._episodes.add(view, self._agent.memory, action, step, self._agent.novelty(step)):
                self._table.insert(0, part.records)
                self._inserted += len(part.records) // self._layout.stride - 1
            if step.finished is not None:
                self._count(step.finished.steps.tolist())
            self._agent.remember(action, step)
            view = step.view
            self._learn()

    def _count(self, lengths: list[int]) -> None:
        self.episodes += len(lengths)
        if self.learning.curiosity is not None:
            for steps in lengths:
                self.learning.curiosity.weight.add(steps)

    def _learn(self) -> None:
        replay, learner = self._config.replay, self._config.learner
        if self._table.records < replay.min_size_to_sample:
            return
        due = self._inserted * replay.samples_per_insert / learner.batch_size
        while self.learning.updates < due:
            self.learning.update(self._batch())
            if self.learning.updates % learner.publish_period_updates == 0:
                self._publish()

    def _batch(self):
        size = self._config.learner.batch_size
        request = self._windows.request(size)
        slices = [Slice(part.first, part.steps, part.offset, part.size) for part in request.slices]
        sample = self._table.sample(size, request.window.before, request.window.after, slices)
        response = replay_pb2.SampleResponse(
            windows=size,
            real_before=sample.real_before.astype("<u4").tobytes(),
            real_after=sample.real_after.astype("<u4").tobytes(),
            data=sample.data.tobytes(),
        )
        source = Source(np.zeros(size, np.uint64), np.zeros(size, np.int64))
        return self._windows.batch(self._windows.read(Sampled.of(response), CPU), torch.ones(size), source)

    def _publish(self) -> None:
        curiosity, exploration = self.learning.curiosity, self._config.exploration
        policy = policy_pb2.Policy(
            version=self._agent.policy_version + 1,
            weights=encode_weights(self.learning.online_network),
            curiosity=encode_weights(curiosity.distillation) if curiosity else b"",
        )
        if isinstance(exploration, DecaySettings):
            policy.exploration.epsilon = decayed(exploration, self.episodes)
        else:
            policy.exploration.ladder.CopyFrom(
                policy_pb2.Ladder(lanes=self.world.lanes, base=exploration.base, exponent=exploration.exponent)
            )
        self._agent.adopt(ReceivedPolicy.of(policy))
