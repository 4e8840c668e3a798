"""Makes versions of the run: what everybody is at one moment, complete everywhere or not there at all.

The version protocol, step by step, is `Versions.make`.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import grpc
import grpc.aio
import structlog

from learner.head import Head
from learner.holds import Holds
from learner.pause import Pause
from learner.state import policy_of
from protos import replay_pb2 as pb
from townlet.checkpoint.manifest import FileRecord, Manifest
from townlet.checkpoint.state import State
from townlet.checkpoint.store import VersionStore
from townlet.checkpoint.wire import decode_files
from townlet.config import CheckpointSettings
from townlet.errors import TownletError
from townlet.failpoints import failpoint
from townlet.own_thread import OwnThread
from townlet.rpc import CALL_TIMEOUT_S, WAIT_S
from townlet.run_folder import POLICY_FILE
from townlet.status import from_rpc_error
from townlet.telemetry import stand_on
from townlet.tracing import carried, span

if TYPE_CHECKING:
    from protos.replay_pb2_grpc import ReplayServiceAsyncStub  # exists for the type checker only

log = structlog.get_logger()

LEARNER = "learner"


@dataclass(frozen=True)
class About:
    """What a manifest says of the run. counters, metrics, set_values: asked when a version is cut.

    config: as plain values. actors: all of them, in lockstep; in async they come and go.
    """

    run: str
    config_digest: str
    layout_digest: str
    schedule: Literal["async", "lockstep"]
    actors: tuple[str, ...]
    counters: Callable[[], dict[str, int]]
    metrics: Callable[[], dict[str, float]]
    config: dict[str, Any] | None = None
    set_values: Callable[[], dict[str, float | None]] = dict


@dataclass(frozen=True)
class Step:
    """How far a version is. version: 0 while it has no number. reason: why it was given up."""

    name: Literal["waiting", "announced", "cut", "written", "committed", "given up"]
    version: int = 0
    reason: str = ""


Tell = Callable[[Step], None]


@dataclass(frozen=True)
class Cut:
    """What the learner was, and what is said of the run, at the moment of a version."""

    state: State
    counters: dict[str, int]
    metrics: dict[str, float]
    set_values: dict[str, float | None]


class Versions:
    """Lives on the servers' event loop, but for the learner's own state, which the main thread captures.

    follow: told of each step of every version.
    shards: component, and stub, of each. one_at_a_time: held by whoever makes a version or takes one away.
    """

    def __init__(
        self,
        store: VersionStore,
        about: About,
        head: Head,
        holds: Holds,
        pause: Pause,
        shards: Sequence[tuple[str, "ReplayServiceAsyncStub"]],
        settings: CheckpointSettings,
        newest: int | None,
        follow: Tell = lambda _: None,
    ) -> None:
        self.newest = newest
        self._store = store
        self._about = about
        self._head = head
        self._holds = holds
        self._pause = pause
        self._shards = shards
        self._settings = settings
        self._follow = follow
        self._cutting = 0
        self._disk = OwnThread("versions")
        self.one_at_a_time = asyncio.Lock()

    async def make_periodically(self) -> None:
        """For ever, every `period_s`."""
        while self._settings.period_s is not None:
            await asyncio.sleep(self._settings.period_s)
            await self.make("periodic")

    def why_it_waits(self) -> str:
        """Whom the version waits for that is being cut, in words; empty when nobody has to stand still for one."""
        if not self._cutting:
            return ""
        if self._about.schedule == "lockstep":
            return f"version {self._cutting} waits for the end of the round"
        missing = ", ".join(self._holds.missing())
        whom = f"{missing} to stand still" if missing else "the learner to stand still, and the shards to cut it"
        return f"version {self._cutting} waits for {whom}"

    async def idle(self) -> int | None:
        """The newest version, once none is being made."""
        async with self.one_at_a_time:
            return self.newest

    async def make(
        self, why: str, cut_limit_s: float | None = None, tell: Tell = lambda _: None, *, last: bool = False
    ) -> int | None:
        """Make a version; its number. None when it had to be given up: training goes on, and nothing has changed.

        cut_limit_s: other than the configured one. tell: told of each step. last: the actors stand still from then on.
        """
        if self.one_at_a_time.locked():
            tell(Step("waiting"))

        def step(step: Step) -> None:
            self._follow(step)
            tell(step)

        async with self.one_at_a_time:
            began_s = time.monotonic()
            version = 0
            try:
                async with asyncio.timeout(cut_limit_s or self._settings.cut_limit_s):
                    version = await self._disk(self._store.reserve)
                step(Step("announced", version))
                with span("version.cut", version=version):
                    cut = await self._cut(version, cut_limit_s or self._settings.cut_limit_s, last)
                step(Step("cut", version))
                paused_s = time.monotonic() - began_s
                with span("version.complete", version=version):
                    await self._complete(version, cut, step)
            except (TimeoutError, TownletError, grpc.aio.AioRpcError) as error:
                step(Step("given up", version, await self._give_up(version, why, error)))
                return None
            step(Step("committed", version))
            await self._disk(self._tidy)
            log.info("version", version=version, why=why, cut_s=paused_s, seconds=time.monotonic() - began_s)
            return version

    async def _cut(self, version: int, limit_s: float, last: bool) -> Cut:
        """Everybody stands still at once, for as long as it takes to copy what they are; or longer for the last one."""
        self._cutting = version
        try:
            in_lockstep = self._about.schedule == "lockstep"
            async with asyncio.timeout(None if in_lockstep else limit_s):  # a round takes as long as it takes
                state, set_values = await self._stand_still(version), self._about.set_values()
            async with asyncio.timeout(limit_s):
                failpoint("version.before_cut")
                cut = pb.CutVersionRequest(run=self._about.run, version=version)
                await asyncio.gather(
                    *(stub.CutVersion(cut, timeout=CALL_TIMEOUT_S, metadata=carried()) for _, stub in self._shards)
                )
                return Cut(state, self._about.counters(), self._about.metrics(), set_values)
        finally:
            self._cutting = 0
            self._pause.go_on()
            await (self._holds.keep() if last else self._holds.release())

    async def _stand_still(self, version: int) -> State:
        """The learner's state, once nothing moves: in lockstep at the end of a round, where the actors wait anyway."""
        if self._about.schedule == "lockstep":
            self._holds.ask(version, self._about.actors)
            return await self._pause.stand_still()
        for _, stub in self._shards:
            announce = pb.AnnounceVersionRequest(run=self._about.run, version=version)
            await stub.AnnounceVersion(announce, timeout=CALL_TIMEOUT_S, metadata=carried())
        await self._holds.announce(version, self._head.acting(time.monotonic()), self._is_there)
        failpoint("version.after_holds")
        return await self._pause.stand_still()

    def _is_there(self, actor: str) -> bool:
        return actor in self._head.present_actors(time.monotonic())

    async def _complete(self, version: int, cut: Cut, tell: Tell) -> None:
        """Training goes on while everybody writes; the manifest comes last."""
        async with asyncio.timeout(self._settings.write_limit_s):
            mine, of_actors, of_shards = await asyncio.gather(
                self._disk(self._write_mine, version, cut.state),
                self._holds.delivered(),
                asyncio.gather(*(self._written(version, stub) for _, stub in self._shards)),
            )
        files: dict[str, tuple[FileRecord, ...]] = {LEARNER: mine, **of_actors}
        for (component, _), (of_shard, appended) in zip(self._shards, of_shards, strict=True):
            files[component], cut.counters[f"{component}.appended"] = of_shard, appended
        tell(Step("written", version))
        failpoint("version.before_commit")
        manifest = Manifest(
            version=version,
            run=self._about.run,
            parent=self.newest,
            created_at=datetime.now(UTC),
            config_digest=self._about.config_digest,
            config=self._about.config,
            layout_digest=self._about.layout_digest,
            schedule=self._about.schedule,
            counters=cut.counters,
            metrics=cut.metrics,
            set_values=cut.set_values,
            members=tuple(files),
            files=tuple(record for records in files.values() for record in records),
        )
        with span("version.commit", version=version):
            await self._disk(self._store.commit, manifest)
        failpoint("version.after_commit")
        await self._holds.end()
        self.newest = version
        stand_on(version)
        await self._end_at_shards(version, committed=True)

    def _write_mine(self, version: int, state: State) -> tuple[FileRecord, ...]:
        """The learner's own files: its state, and the light policy."""
        files = self._store.write_state(version, LEARNER, state)
        return (*files, self._store.write(version, LEARNER, POLICY_FILE, policy_of(state)))

    async def _written(self, version: int, stub: "ReplayServiceAsyncStub") -> tuple[tuple[FileRecord, ...], int]:
        """A shard's files, and how many episodes had been appended to it."""
        request = pb.AwaitVersionRequest(run=self._about.run, version=version, wait_ms=int(1e3 * WAIT_S))
        while not (
            answer := await stub.AwaitVersion(request, timeout=WAIT_S + CALL_TIMEOUT_S, metadata=carried())
        ).written:
            pass
        return decode_files(answer.files), answer.appended_episodes

    async def _give_up(self, version: int, why: str, error: Exception) -> str:
        """In words, why."""
        reason = str(from_rpc_error(error, "a shard") if isinstance(error, grpc.RpcError) else error)
        reason = reason or f"not complete within {self._settings.cut_limit_s} and {self._settings.write_limit_s} s"
        log.warning("version_given_up", version=version, why=why, reason=reason, effect="training goes on")
        await self._holds.end()
        if not version:
            return reason
        await self._end_at_shards(version, committed=False)
        try:
            async with asyncio.timeout(self._settings.write_limit_s):
                await self._disk(self._store.abort, version)
        except (TimeoutError, TownletError) as more:
            log.warning("version_not_swept", version=version, reason=str(more) or "the store does not answer")
        return reason

    async def _end_at_shards(self, version: int, *, committed: bool) -> None:
        """A shard that is away learns of it from the next version that it cuts."""
        request = pb.EndVersionRequest(run=self._about.run, version=version, committed=committed)
        for component, stub in self._shards:
            try:
                await stub.EndVersion(request, timeout=CALL_TIMEOUT_S)
            except grpc.aio.AioRpcError as error:
                log.info("shard_not_told", shard=component, version=version, reason=error.details())

    def _tidy(self) -> None:
        """Take away what retention does not keep; what stays for now goes after a later version."""
        try:
            self._store.retain(self._settings.keep)
            self._store.collect()
        except TownletError as error:
            log.warning("not_tidied", reason=str(error))
