"""The three who take up a version, of one finished run: by the code that a run takes them up with."""

import hashlib
import threading
from pathlib import Path

import grpc
import numpy as np
import redis
import torch
from redis_process import RedisServer
from shard_process import RUN, ShardProcess

from actor.agent import Agent
from actor.curiosity import Curiosity
from actor.episodes import EpisodeAccumulator
from actor.reporter import Reporter
from actor.schooling import Schooling
from actor.state import ActorState
from actor.tally import Tally
from actor.versions import ActorVersions
from learner.build import build_curiosity, build_loss
from learner.resume import Resumed, resume
from learner.state import capture
from learner.update import QLearning
from protos import control_pb2
from protos import replay_pb2 as pb
from townlet.checkpoint.state import State, encode_state
from townlet.checkpoint.store import VersionStore
from townlet.config import Config
from townlet.curriculum.build import build_curriculum
from townlet.networks.build import build_network
from townlet.networks.distillation import RandomDistillation
from townlet.records import RecordLayout
from townlet.status import from_rpc_error
from townlet.worlds.build import build_world, world_spec

CPU = torch.device("cpu")


class LearnerThatTakesUp:
    """A learner that has not begun."""

    def __init__(self, config: Config, store: VersionStore) -> None:
        spec = world_spec(config)
        curiosity = build_curiosity(config, spec, CPU)
        self.learning = QLearning(build_network(config.network, spec), config.learner, build_loss(config), curiosity)
        self._draws = np.random.Generator(np.random.Philox(1))
        self._config = config
        self._store = store
        self.layout_digest = RecordLayout.of(spec, config.memory).digest

    def state(self) -> State:
        return capture(self.learning, self._draws, {})

    def take_up(self, *, fallback: bool = False) -> Resumed | None:
        return resume(self._store, self._config, self.layout_digest, self.learning, self._draws, fallback=fallback)

    def digest(self) -> str:
        return _digest(*encode_state(self.state()))


class ActorThatTakesUp:
    """An actor that has not begun. index: which one."""

    def __init__(self, config: Config, store: VersionStore, index: int) -> None:
        spec, lanes = world_spec(config), config.actor.lanes
        difficulties = config.curriculum.difficulties
        world = build_world(config, lanes, 1, 0, difficulties)
        curiosity = Curiosity(RandomDistillation(config.curiosity, spec))
        generator = torch.Generator().manual_seed(1)
        agent = Agent(build_network(config.network, spec), lanes, 0, generator, curiosity)
        layout = RecordLayout.of(spec, config.memory)
        episodes = EpisodeAccumulator(layout, lanes, config.steps_per_part, CPU, config.memory)
        reporter = Reporter("127.0.0.1:1", control_pb2.JoinRequest(), 1.0, threading.Event(), None)
        caps = [each.step_cap or spec.step_cap for each in difficulties]
        lessons = build_curriculum(config.curriculum, lanes)
        schooling = Schooling(lessons, world.set_difficulty, caps, reporter, lanes, CPU)
        tally = Tally(reporter, lanes, CPU)
        world.reset()
        self._state = ActorState(world=world, agent=agent, episodes=episodes, tally=tally, schooling=schooling)
        self._versions = ActorVersions(f"actor-{index}", self._state, None, reporter, store)

    def take_up(self, version: int) -> None:
        self._versions.take_up(version)

    def digest(self) -> str:
        return _digest(*encode_state(self._state.capture()))


class ShardThatTakesUp:
    """Shard 0 as a process of its own. run: the folder of the run whose versions it takes up."""

    def __init__(self, folder: Path, run: Path, port: int) -> None:
        self._server = RedisServer(folder)
        self._server.start()
        self._client = redis.Redis.from_url(self._server.url)
        settings = (folder, self._server.url, port, f"checkpoint.root={run / 'versions'}", "replay.capacity=3000")
        self._process = ShardProcess(*settings, base=run / "config.yaml").start().wait_until_serving()

    def take_up(self, version: int) -> None:
        request = pb.TakeUpVersionRequest(run=RUN, version=version)
        try:
            self._process.stub.TakeUpVersion(request, timeout=30)
        except grpc.RpcError as error:
            raise from_rpc_error(error, "the shard") from None

    def digest(self) -> str:
        """Of what Redis holds, and of what the process says of its table."""
        keys = sorted(self._client.keys())
        held = [value for key in keys for value in (key, self._client.dump(key))]
        return _digest(*held, self._process.stats().SerializeToString(deterministic=True))

    def table(self, version: int) -> str:
        """Of the table, priorities and random stream included: as a version has it that is cut now, and given up."""
        stub = self._process.stub
        stub.CutVersion(pb.CutVersionRequest(run=RUN, version=version), timeout=20)
        request = pb.AwaitVersionRequest(run=RUN, version=version, wait_ms=20_000)
        files = stub.AwaitVersion(request, timeout=30).files
        stub.EndVersion(pb.EndVersionRequest(run=RUN, version=version, committed=False), timeout=20)
        return _digest(*(file.sha256.encode() for file in files))

    def stop(self) -> None:
        self._process.stop()
        self._process.channel.close()
        self._client.close()
        self._server.stop()


def _digest(*contents: bytes) -> str:
    return hashlib.sha256(b"\0".join(contents)).hexdigest()
