"""What the learner does beside the training, on an event loop of its own: policies out, reports in, status."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import grpc.aio
import structlog
from prometheus_client import CollectorRegistry

from learner.books import Books
from learner.errands import Errands
from learner.farewells import Farewells
from learner.front import Front
from learner.holds import Holds
from learner.lags import Lags
from learner.limiters import Limiters
from learner.meter import Meter
from learner.metrics import RunReadings, VersionMetrics
from learner.paces import Paces
from learner.pause import Pause
from learner.publisher import Publisher
from learner.restore import Restore, settle
from learner.resume import Resumed, expected_of
from learner.round_ends import RoundEnds
from learner.scoreboard import Scalars, Scoreboard
from learner.servicer_admin import AdminServicer, History, Run
from learner.servicers import ControlServicer
from learner.update import QLearning
from learner.versions import About, Versions
from protos import admin_pb2_grpc, control_pb2_grpc, policy_pb2, replay_pb2, replay_pb2_grpc
from townlet.admin.archive import Archive
from townlet.checkpoint.foreign import check_ours
from townlet.checkpoint.store import VersionStore
from townlet.config import Config
from townlet.config_changes import as_tree
from townlet.metrics.endpoint import Endpoint
from townlet.metrics.readings import Readings
from townlet.policy import encode_weights
from townlet.policy_service import PolicyServicer
from townlet.rpc import open_async_channel
from townlet.tracing import span

if TYPE_CHECKING:
    from protos.replay_pb2_grpc import ReplayServiceAsyncStub  # exists for the type checker only

log = structlog.get_logger()

POLL_S = 0.1
STAND_BY_S = 0.005
TELL_SHARDS_S = 1.0
"""So long each shard is waited for when it is only told something."""

LAST_ANSWERS_S = 0.2
"""What is being answered when the learner leaves gets so long; held calls and policy streams would never end."""

LAST_CUT_LIMIT_S = 8.0
"""Everybody has to stand still within this time when the learner leaves: whoever stops it does not wait for ever."""


class LearnerService:
    """Use as a context manager. What touches books or publisher runs on the loop, so nothing needs a lock.

    front: the server, which opens with this service.
    resumed: the version that the run goes on from; None for a new run. store, pause: for versions; None makes none.
    registry: of the process's metrics, which are shown where the configuration says; None: they have one of their own.
    starts_over: why the process shall start over; empty when it shall not.
    """

    def __init__(
        self,
        front: Front,
        config: Config,
        layout_digest: str,
        learning: QLearning,
        meter: Meter,
        scalars: Scalars,
        resumed: Resumed | None,
        stop: threading.Event,
        store: VersionStore | None = None,
        pause: Pause | None = None,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self.starts_over = ""
        self._front = front
        self._config = config
        self._layout_digest = layout_digest
        self._resumed = resumed
        self._stop = stop
        self._store = store
        self._pause = pause or Pause()
        self._books = books = Books(config, learning, resumed.books if resumed else None)
        self._loop = front.loop
        self._publisher = Publisher()
        self._holds = Holds()
        self._versions: Versions | None = None
        self._errands = Errands()
        self._paces = Paces()
        self._lags = Lags()
        self._registry = registry or CollectorRegistry()
        self._endpoint = Endpoint(self._registry, config.metrics.address)
        self._tasks: list[asyncio.Task[None]] = []
        self._scoreboard = Scoreboard(
            config.run.name,
            books.head,
            self._publisher,
            meter,
            books.updates,
            books.epsilons,
            scalars,
            stop.set,
            books.weight,
            books.rounds,
            lambda: self._pause.paused,
            lambda: self._versions.why_it_waits() if self._versions else "",
        )

    def __enter__(self) -> "LearnerService":
        self._loop.run(self._start())
        return self

    def __exit__(self, *exception: object) -> None:
        self._loop.run(self._end())

    def publish(self, learning: QLearning) -> None:
        """Make the networks as they are now the newest policy."""
        self._books.policy_version += 1
        policy = policy_pb2.Policy(version=self._books.policy_version, updates=learning.updates)
        with span("publish", policy=policy.version):
            online, averaged = encode_weights(learning.online_network), encode_weights(learning.averaged_network)
            curiosity = encode_weights(learning.curiosity.distillation) if learning.curiosity else b""
            self._loop.soon(lambda: self._publish(policy, online, averaged, curiosity))

    def books(self) -> dict[str, Any]:
        """What the service knows, as plain values."""

        async def collect() -> dict[str, Any]:
            return self._books.state()

        return self._loop.run(collect())

    def round_ends(self) -> RoundEnds:
        """What the conductor of a run in lockstep asks for."""
        assert self._versions is not None
        return RoundEnds(self._loop, self._books, self._holds, self._control, self._versions, LAST_CUT_LIMIT_S)

    def make_last_version(self, stand_by: Callable[[], None]) -> None:
        """Before the process leaves. stand_by: see `learn`; called by this thread until the version has been cut."""
        if self._versions is not None and not self.starts_over:
            making = self._loop.start(self._versions.make("the learner stops", LAST_CUT_LIMIT_S, last=True))
            while not making.done() and not self.starts_over:
                stand_by()
                time.sleep(STAND_BY_S)

    def result(self) -> dict[str, Any]:
        """See `Books.result`."""

        async def collect() -> dict[str, Any]:
            return self._books.result()

        return self._loop.run(collect())

    async def _start(self) -> None:
        config, books, tls = self._config, self._books, self._config.security.tls
        self._channels = [open_async_channel(address, tls) for address in config.replay.addresses]
        self._shards = stubs = [replay_pb2_grpc.ReplayServiceStub(channel) for channel in self._channels]
        if self._store is not None:
            self._versions = self._make_versions(self._store, stubs)
        self._registry.register(Readings(RunReadings(self._scoreboard, books.head, self._lags, books.updates).read))
        server = self._front.server
        self._add_servicers(server.grpc_server)
        await self._endpoint.start()
        await server.set_serving(True)
        log.info("serving", port=server.port)
        self._keep_doing(self._scoreboard.watch(list(zip(config.replay.addresses, stubs, strict=True))))
        self._keep_doing(self._paces.watch(books.head))
        self._keep_doing(self._keep_shards())
        if books.rounds is None:
            self._keep_doing(Limiters(lambda: books.steering.config, stubs).watch())
        if self._versions is not None:
            self._keep_doing(self._versions.make_periodically())
            if self._resumed is not None and self._resumed.manifest.restores is not None:
                self._keep_doing(settle(self._resumed.manifest, books.head, self._versions))

    def _add_servicers(self, server: grpc.aio.Server) -> None:
        run, books = self._config.run.name, self._books
        PolicyServicer(run, self._publisher.feeds, books.head.acknowledge).add_to(server)
        self._control = ControlServicer(
            run,
            self._config.digest(),
            self._layout_digest,
            books.head,
            self._holds,
            self._resumed,
            books.rounds,
            Farewells(self._stop.is_set),
            self._is_kept,
        )
        control_pb2_grpc.add_ControlServiceServicer_to_server(self._control, server)
        admin_pb2_grpc.add_AdminServiceServicer_to_server(self._admin(), server)

    def _is_kept(self, version: int) -> bool:
        return self._store is None or any(listed.version == version for listed in self._store.versions())

    def _admin(self) -> AdminServicer:
        books, newest = self._books, self._resumed.manifest.version if self._resumed else 0
        actors = books.rounds.actors if books.rounds else ()
        run = Run(self._scoreboard, books.head, self._paces, self._pause, books.steering, self._stop, newest, actors)
        if self._store is None or self._versions is None:
            return AdminServicer(run, None, self._errands)
        versions = self._versions
        expected = expected_of(self._config, self._layout_digest)
        restore = Restore(self._store, versions, lambda found: check_ours(found, expected), self._start_over)
        archive = Archive(self._config, lambda: versions.newest)
        return AdminServicer(run, History(archive, versions, restore), self._errands)

    async def _start_over(self, reason: str) -> None:
        self.starts_over = reason
        if self._books.rounds is not None:
            await self._books.rounds.go_back(reason)
        self._stop.set()

    def _make_versions(self, store: VersionStore, stubs: "Sequence[ReplayServiceAsyncStub]") -> Versions:
        config, books = self._config, self._books
        about = About(
            config.run.name,
            config.digest(),
            self._layout_digest,
            config.schedule.kind,
            books.rounds.actors if books.rounds else (),
            books.counters,
            books.metrics,
            as_tree(config),
            books.steering.state,
        )
        shards = list(zip(config.shard_names, stubs, strict=True))
        newest = self._resumed.manifest if self._resumed else None
        age_s = (datetime.now(UTC) - newest.created_at).total_seconds() if newest else 0.0
        return Versions(
            store,
            about,
            books.head,
            self._holds,
            self._pause,
            shards,
            config.checkpoint,
            newest.version if newest else None,
            VersionMetrics(self._registry, age_s).note,
        )

    async def _end(self) -> None:
        self._scoreboard.finished = True
        for task in self._tasks:
            task.cancel()
        self._scoreboard.write_curves()
        await self._tell_shards(stay=False)
        for channel in self._channels:
            await channel.close()
        await self._front.server.stop(LAST_ANSWERS_S)
        await self._endpoint.stop()
        await self._errands.end()

    async def _keep_shards(self) -> None:
        """When the learner is told to stop, all shards may be: they are wanted for the last version."""
        while not self._stop.is_set():
            await asyncio.sleep(POLL_S)
        await self._tell_shards(stay=True)

    async def _tell_shards(self, *, stay: bool) -> None:
        request = replay_pb2.StayRequest(run=self._config.run.name, stay=stay)
        calls = [stub.Stay(request, timeout=TELL_SHARDS_S) for stub in self._shards]
        for shard, answer in enumerate(await asyncio.gather(*calls, return_exceptions=True)):
            if isinstance(answer, grpc.aio.AioRpcError):
                log.info("shard_not_told", shard=shard, stay=stay, reason=answer.details())

    def _keep_doing(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))
        self._tasks[-1].add_done_callback(self._note_end)

    def _note_end(self, task: "asyncio.Task[None]") -> None:
        """A dead task ends the process."""
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task_crashed", exc_info=error)
            self._stop.set()

    def _publish(self, policy: policy_pb2.Policy, online: bytes, averaged: bytes, curiosity: bytes) -> None:
        policy.run_episodes = self._books.head.episodes
        policy.exploration.CopyFrom(self._books.exploration())
        self._publisher.publish(policy, online, averaged, curiosity)
        self._lags.publish(policy.version, time.monotonic())
