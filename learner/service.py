"""What the learner does beside the training, on an event loop of its own: policies out, reports in, status."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import structlog

from learner.goal import judge
from learner.head import Head
from learner.holds import Holds
from learner.meter import Meter
from learner.pause import Pause
from learner.publisher import Published, Publisher
from learner.resume import Resumed
from learner.scoreboard import Scalars, Scoreboard
from learner.servicers import AdminServicer, ControlServicer, PolicyServicer
from learner.update import QLearning
from learner.versions import About, Versions
from protos import admin_pb2_grpc, control_pb2_grpc, policy_pb2, policy_pb2_grpc, replay_pb2_grpc
from townlet.checkpoint.store import VersionStore
from townlet.config import Config, DecaySettings, LadderSettings
from townlet.exploration import decayed, ladder_range
from townlet.policy import encode_weights
from townlet.rpc import LoopThread, Server, open_async_channel

if TYPE_CHECKING:
    from protos.replay_pb2_grpc import ReplayServiceAsyncStub  # exists for the type checker only

log = structlog.get_logger()

STAND_BY_S = 0.005
LAST_CUT_LIMIT_S = 8.0
"""Everybody has to stand still within this time when the learner leaves: whoever stops it does not wait for ever."""

SERVICES = ("townlet.v1.PolicyService", "townlet.v1.ControlService", "townlet.v1.AdminService")


class LearnerService:
    """Use as a context manager. What touches the head or the publisher runs on the loop, so nothing needs a lock.

    resumed: the version that the run goes on from; None for a new run. store, pause: for versions; None makes none.
    """

    def __init__(
        self,
        config: Config,
        layout_digest: str,
        learning: QLearning,
        meter: Meter,
        scalars: Scalars,
        resumed: Resumed | None,
        stop: threading.Event,
        store: VersionStore | None = None,
        pause: Pause | None = None,
    ) -> None:
        books = resumed.books if resumed else None
        self._resumed = resumed
        self._store = store
        self._pause = pause or Pause()
        self._config = config
        self._layout_digest = layout_digest
        self._head = Head.from_state(books["head"], time.monotonic()) if books else Head()
        self._policy_version: int = books["policy_version"] if books else 0
        self._weight = learning.curiosity.weight if learning.curiosity else None
        if self._weight is not None:
            self._head.on_episode(self._weight.add)
            if books:
                self._weight.load_state(books["intrinsic_weight"])
        self._stop = stop
        self._loop = LoopThread("service")
        self._publisher = Publisher()
        self._updates: Callable[[], int] = lambda: learning.updates
        self._versions: Versions | None = None
        self._making: asyncio.Task[None] | None = None
        self._scoreboard = Scoreboard(
            config.run.name,
            self._head,
            self._publisher,
            meter,
            self._updates,
            self._epsilons,
            config.evaluation.goal,
            scalars,
            stop.set,
            self._weight,
        )

    def __enter__(self) -> "LearnerService":
        self._loop.__enter__()
        try:
            self._loop.run(self._start())
        except BaseException:
            self._loop.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._loop.run(self._end())
        self._loop.__exit__(*exception)

    def publish(self, learning: QLearning) -> None:
        """Make the networks as they are now the newest policy."""
        self._policy_version += 1
        policy = policy_pb2.Policy(version=self._policy_version, updates=learning.updates)
        online, averaged = encode_weights(learning.online_network), encode_weights(learning.averaged_network)
        curiosity = encode_weights(learning.curiosity.distillation) if learning.curiosity else b""
        self._loop.soon(lambda: self._publish(policy, online, averaged, curiosity))

    def books(self) -> dict[str, Any]:
        """What the service knows, as plain values."""

        async def collect() -> dict[str, Any]:
            books = {"policy_version": self._policy_version, "head": self._head.state(time.monotonic())}
            return books | ({"intrinsic_weight": self._weight.state()} if self._weight else {})

        return self._loop.run(collect())

    def make_last_version(self, stand_by: Callable[[], None]) -> None:
        """Before the process leaves. stand_by: see `learn`; called by this thread until the version has been cut."""
        if self._versions is not None:
            making = self._loop.start(self._versions.make("the learner stops", LAST_CUT_LIMIT_S))
            while not making.done():
                stand_by()
                time.sleep(STAND_BY_S)

    def result(self) -> dict[str, Any]:
        """How the run stands, for programs that look at it afterwards."""

        async def collect() -> dict[str, Any]:
            head, goal = self._head, self._config.evaluation.goal
            return {
                "training_s": head.training_s(time.monotonic()),
                "environment_steps": head.environment_steps,
                "episodes": head.episodes,
                "evaluations": [vars(point) for point in head.evaluations],
                "goal": vars(judge(goal, head.evaluations)) if goal else None,
            }

        return self._loop.run(collect())

    async def _start(self) -> None:
        config, run = self._config, self._config.run.name
        self._server = Server()
        grpc_server = self._server.grpc_server
        policies = PolicyServicer(run, self._publisher, self._head)
        policy_pb2_grpc.add_PolicyServiceServicer_to_server(policies, grpc_server)
        self._holds = Holds()
        control = ControlServicer(run, config.digest(), self._layout_digest, self._head, self._holds, self._resumed)
        control_pb2_grpc.add_ControlServiceServicer_to_server(control, grpc_server)
        admin_pb2_grpc.add_AdminServiceServicer_to_server(AdminServicer(self._scoreboard), grpc_server)
        await self._server.start(config.learner.address, SERVICES)
        await self._server.set_serving(True)
        log.info("serving", port=self._server.port)
        self._channels = [open_async_channel(address) for address in config.replay.addresses]
        stubs = [replay_pb2_grpc.ReplayServiceStub(channel) for channel in self._channels]
        shards = list(zip(config.replay.addresses, stubs, strict=True))
        self._watching = asyncio.create_task(self._scoreboard.watch(shards))
        self._watching.add_done_callback(self._note_end)
        if self._store is not None:
            self._versions = self._make_versions(self._store, stubs)
            self._making = asyncio.create_task(self._versions.make_periodically())
            self._making.add_done_callback(self._note_end)

    def _make_versions(self, store: VersionStore, stubs: "Sequence[ReplayServiceAsyncStub]") -> Versions:
        head = self._head
        about = About(
            self._config.run.name,
            self._config.digest(),
            self._layout_digest,
            lambda: {
                "updates": self._updates(),
                "environment_steps": head.environment_steps,
                "episodes": head.episodes,
            },
            lambda: {"greedy": head.evaluations[-1].of(self._config.measure)} if head.evaluations else {},
        )
        shards = list(zip((f"replay-{index}" for index in range(len(stubs))), stubs, strict=True))
        newest = self._resumed.manifest.version if self._resumed else None
        return Versions(store, about, head, self._holds, self._pause, shards, self._config.checkpoint, newest)

    async def _end(self) -> None:
        self._scoreboard.finished = True
        self._watching.cancel()
        self._scoreboard.write_curves()
        if self._making is not None:
            self._making.cancel()
        for channel in self._channels:
            await channel.close()
        await self._server.stop()

    def _note_end(self, watching: "asyncio.Task[None]") -> None:
        """A dead task ends the process."""
        if not watching.cancelled() and (error := watching.exception()) is not None:
            log.error("task_crashed", exc_info=error)
            self._stop.set()

    def _publish(self, policy: policy_pb2.Policy, online: bytes, averaged: bytes, curiosity: bytes) -> None:
        policy.run_episodes = self._head.episodes
        match self._config.exploration:
            case DecaySettings() as settings:
                policy.exploration.epsilon = decayed(settings, self._head.episodes)
            case LadderSettings():
                policy.exploration.ladder_lanes = self._head.ladder_lanes
        acting, evaluated = _response(policy, online), _response(policy, averaged)
        acting.policy.curiosity = curiosity
        self._publisher.publish(Published(policy.version, acting, evaluated))

    def _epsilons(self) -> tuple[float, float]:
        """The smallest and the largest epsilon acted with."""
        match self._config.exploration:
            case DecaySettings() as settings:
                epsilon = decayed(settings, self._head.episodes)
                return epsilon, epsilon
            case LadderSettings() as settings:
                return ladder_range(settings)


def _response(policy: policy_pb2.Policy, weights: bytes) -> policy_pb2.SubscribeResponse:
    response = policy_pb2.SubscribeResponse()
    response.policy.CopyFrom(policy)
    response.policy.weights = weights
    return response
