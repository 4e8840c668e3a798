"""Makes versions of the run: what everybody is at one moment, complete everywhere or not there at all.

The version protocol, step by step, is `Versions.make`.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import grpc
import grpc.aio
import structlog

from learner.head import Head
from learner.holds import Holds
from learner.pause import Pause
from protos import replay_pb2 as pb
from townlet.checkpoint.manifest import FileRecord, Manifest
from townlet.checkpoint.state import State
from townlet.checkpoint.store import VersionStore
from townlet.config import CheckpointSettings
from townlet.errors import TownletError
from townlet.failpoints import failpoint
from townlet.rpc import CALL_TIMEOUT_S, WAIT_S
from townlet.status import from_rpc_error

if TYPE_CHECKING:
    from protos.replay_pb2_grpc import ReplayServiceAsyncStub  # exists for the type checker only

log = structlog.get_logger()

LEARNER = "learner"


@dataclass(frozen=True)
class About:
    """What a manifest says of the run. counters, metrics: asked when a version is cut."""

    run: str
    config_digest: str
    layout_digest: str
    counters: Callable[[], dict[str, int]]
    metrics: Callable[[], dict[str, float]]


class Versions:
    """Lives on the servers' event loop, but for the learner's own state, which the main thread captures.

    shards: component, and stub, of each.
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
    ) -> None:
        self.newest = newest
        self._store = store
        self._about = about
        self._head = head
        self._holds = holds
        self._pause = pause
        self._shards = shards
        self._settings = settings
        self._one_at_a_time = asyncio.Lock()

    async def make_periodically(self) -> None:
        """For ever, every `period_s`."""
        while self._settings.period_s is not None:
            await asyncio.sleep(self._settings.period_s)
            await self.make("periodic")

    async def make(self, why: str, cut_limit_s: float | None = None) -> int | None:
        """Make a version; its number. None when it had to be given up: training goes on, and nothing has changed.

        cut_limit_s: other than the configured one.
        """
        async with self._one_at_a_time:
            began_s = time.monotonic()
            version = 0
            try:
                version = await asyncio.to_thread(self._store.reserve)
                state, counters, metrics = await self._cut(version, cut_limit_s or self._settings.cut_limit_s)
                paused_s = time.monotonic() - began_s
                await self._complete(version, state, counters, metrics)
            except (TimeoutError, TownletError, grpc.aio.AioRpcError) as error:
                await self._give_up(version, why, error)
                return None
            await asyncio.to_thread(self._tidy)
            log.info("version", version=version, why=why, cut_s=paused_s, seconds=time.monotonic() - began_s)
            return version

    async def _cut(self, version: int, limit_s: float) -> tuple[State, dict[str, int], dict[str, float]]:
        """Everybody stands still at once, for as long as it takes to copy what they are."""
        try:
            async with asyncio.timeout(limit_s):
                for _, stub in self._shards:
                    await stub.AnnounceVersion(
                        pb.AnnounceVersionRequest(run=self._about.run, version=version), timeout=CALL_TIMEOUT_S
                    )
                await self._holds.announce(version, self._head.present_actors(time.monotonic()))
                failpoint("version.after_holds")
                state = await self._pause.stand_still()
                failpoint("version.before_cut")
                cut = pb.CutVersionRequest(run=self._about.run, version=version)
                await asyncio.gather(*(stub.CutVersion(cut, timeout=CALL_TIMEOUT_S) for _, stub in self._shards))
                return state, self._about.counters(), self._about.metrics()
        finally:
            self._pause.go_on()
            await self._holds.release()

    async def _complete(self, version: int, state: State, counters: dict[str, int], metrics: dict[str, float]) -> None:
        """Training goes on while everybody writes; the manifest comes last."""
        async with asyncio.timeout(self._settings.write_limit_s):
            mine, of_actors, of_shards = await asyncio.gather(
                asyncio.to_thread(self._store.write_state, version, LEARNER, state),
                self._holds.delivered(),
                asyncio.gather(*(self._written(version, stub) for _, stub in self._shards)),
            )
        files: dict[str, tuple[FileRecord, ...]] = {LEARNER: mine, **of_actors}
        for (component, _), (of_shard, appended) in zip(self._shards, of_shards, strict=True):
            files[component], counters[f"{component}.appended"] = of_shard, appended
        failpoint("version.before_commit")
        manifest = Manifest(
            version=version,
            run=self._about.run,
            parent=self.newest,
            created_at=datetime.now(UTC),
            config_digest=self._about.config_digest,
            layout_digest=self._about.layout_digest,
            schedule="async",
            counters=counters,
            metrics=metrics,
            members=tuple(files),
            files=tuple(record for records in files.values() for record in records),
        )
        await asyncio.to_thread(self._store.commit, manifest)
        failpoint("version.after_commit")
        await self._holds.end()
        self.newest = version
        await self._end_at_shards(version, committed=True)

    async def _written(self, version: int, stub: "ReplayServiceAsyncStub") -> tuple[tuple[FileRecord, ...], int]:
        """A shard's files, and how many episodes had been appended to it."""
        request = pb.AwaitVersionRequest(run=self._about.run, version=version, wait_ms=int(1e3 * WAIT_S))
        while not (answer := await stub.AwaitVersion(request, timeout=WAIT_S + CALL_TIMEOUT_S)).written:
            pass
        files = (FileRecord(path=f.path, size=f.size, sha256=f.sha256, component=f.component) for f in answer.files)
        return tuple(files), answer.appended_episodes

    async def _give_up(self, version: int, why: str, error: Exception) -> None:
        reason = str(from_rpc_error(error, "a shard") if isinstance(error, grpc.RpcError) else error)
        reason = reason or f"not complete within {self._settings.cut_limit_s} and {self._settings.write_limit_s} s"
        log.warning("version_given_up", version=version, why=why, reason=reason, effect="training goes on")
        await self._holds.end()
        if not version:
            return
        await self._end_at_shards(version, committed=False)
        try:
            await asyncio.to_thread(self._store.abort, version)
        except TownletError as more:
            log.warning("version_not_swept", version=version, reason=str(more))

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
