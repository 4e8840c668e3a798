"""The thin shell around the table: checks messages, waits for the limiter, converts. See protos/replay.proto."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc.aio
import numpy as np

from protos import replay_pb2 as pb
from protos import replay_pb2_grpc
from protos.version_pb2 import VersionFile
from replay_service.arena import Slice
from replay_service.redis_log import Meta
from replay_service.shard import Shard
from replay_service.table import Sample
from replay_service.turnstile import Turnstile
from replay_service.versions import ShardVersions, TakenUp
from townlet.errors import InvalidRequestError, MismatchError, UnavailableError
from townlet.rpc import SAMPLE_LIMIT_BYTES

FIRST_PRODUCER_POLL_S = 0.2

Context = grpc.aio.ServicerContext[Any, Any]


class ReplayServicer(replay_pb2_grpc.ReplayServiceServicer):
    """One shard's service, all on one event loop: between two awaits nothing else happens.

    capacity: records. adopt: builds the shard once the first producer has told the layout. versions: the shard's part
    of them. restore: opens a version, and makes the shard what it was then.
    taking_up: a version that the shard has to take up again, because it died while it did.
    """

    def __init__(
        self,
        run: str,
        capacity: int,
        adopt: Callable[[Meta], Awaitable[Shard]],
        versions: ShardVersions,
        restore: Callable[[int, TakenUp], Awaitable[Shard]],
        taking_up: int | None = None,
    ) -> None:
        self._run = run
        self._capacity = capacity
        self._adopt = adopt
        self._versions = versions
        self._restore = restore
        self._taking_up = taking_up
        self._announced = 0
        """The version that is about to be cut; 0 for none."""
        self._adopting = asyncio.Lock()
        self._shard: Shard | None = None
        self._appends: Turnstile[asyncio.Future[int]] = Turnstile()
        self._samples: Turnstile[Sample] = Turnstile()

    def take_up(self, shard: Shard) -> None:
        """Serve this shard from now on."""
        self._shard, self._taking_up = shard, None

    def look_again(self) -> None:
        """Something has changed for those who wait for the limiter."""
        self._appends.look_again()
        self._samples.look_again()

    async def OpenProducer(self, request: pb.OpenProducerRequest, context: Context) -> pb.OpenProducerResponse:
        self._check_run(request.run)
        layout = request.layout
        if layout.stride < 1 or not layout.digest or not request.actor:
            raise InvalidRequestError("OpenProducer: expected an actor, and a layout with stride and digest")
        async with self._adopting:
            if self._shard is None:
                self._check_usable()
                self.take_up(await self._adopt(Meta(layout.stride, layout.digest, 0, 0, 0, 0)))
        shard = self._serving(layout.digest)
        if layout.stride != shard.stride:
            raise MismatchError(f"layout {layout.digest}: expected a stride of {shard.stride}, found {layout.stride}")
        return pb.OpenProducerResponse(epoch=await shard.commits.open(request.actor))

    async def Append(self, request: pb.AppendRequest, context: Context) -> pb.AppendResponse:
        self._check_run(request.run)
        shard = self._serving(request.layout_digest)
        self._check_episodes(request, shard.stride)
        known = shard.producers.find(request.actor, request.epoch)
        until = time.monotonic() + request.wait_ms / 1e3
        stored: list[asyncio.Future[int]] = []
        for episode in request.episodes:
            steps = len(episode.records) // shard.stride - 1 if episode.sequence >= known.next_sequence else 0
            entered = await self._enter_append(shard, request, episode, steps, until - time.monotonic())
            if entered is None:
                break
            stored.append(entered)
        blocked_by = "" if len(stored) == len(request.episodes) else shard.table.limiter.why_no_insert()
        answers = await asyncio.gather(*stored)
        return pb.AppendResponse(next_sequence=answers[-1] if answers else known.next_sequence, blocked_by=blocked_by)

    async def _enter_append(
        self, shard: Shard, request: pb.AppendRequest, episode: pb.Episode, steps: int, wait_s: float
    ) -> "asyncio.Future[int] | None":
        """Hand one episode over as soon as the limiter lets it through: when it is stored; None after `wait_s`."""
        limiter, commits = shard.table.limiter, shard.commits
        return await self._appends.enter(
            ready=lambda: not steps or self._announced > 0 or limiter.can_insert(steps, commits.pending_steps),
            work=lambda: commits.append(request.actor, request.epoch, episode.sequence, episode.records, steps),
            wait_s=wait_s,
        )

    async def Sample(self, request: pb.SampleRequest, context: Context) -> pb.SampleResponse:
        self._check_run(request.run)
        self._check_usable()
        if self._shard is None:
            await asyncio.sleep(min(request.wait_ms / 1e3, FIRST_PRODUCER_POLL_S))
            return pb.SampleResponse(blocked_by="samples wait for inserts: no actor has come yet")
        shard = self._serving(request.layout_digest)
        table = shard.table
        slices = self._check_slices(request, shard.stride)
        if request.HasField("priorities"):
            table.update_priorities(*_decode_priorities(request.priorities))
        if request.windows == 0:
            return pb.SampleResponse(items=table.items, total_weight=table.total_weight)
        sample = await self._samples.enter(
            ready=lambda: table.items > 0 and table.limiter.can_sample(request.windows),
            work=lambda: table.sample(request.windows, request.window.before, request.window.after, slices),
            wait_s=request.wait_ms / 1e3,
        )
        self._appends.look_again()
        if sample is None:
            return pb.SampleResponse(
                items=table.items, total_weight=table.total_weight, blocked_by=table.limiter.why_no_sample()
            )
        return pb.SampleResponse(
            windows=request.windows,
            keys=sample.keys.astype("<u8").tobytes(),
            probabilities=sample.probabilities.astype("<f8").tobytes(),
            real_before=sample.real_before.astype("<u4").tobytes(),
            real_after=sample.real_after.astype("<u4").tobytes(),
            data=sample.data,
            items=table.items,
            total_weight=table.total_weight,
        )

    async def AnnounceVersion(self, request: pb.AnnounceVersionRequest, context: Context) -> pb.AnnounceVersionResponse:
        self._check_version(request.run, request.version)
        self._announced = request.version
        self._appends.look_again()
        return pb.AnnounceVersionResponse()

    async def CutVersion(self, request: pb.CutVersionRequest, context: Context) -> pb.CutVersionResponse:
        self._check_version(request.run, request.version)
        await self._versions.cut(request.version, self._any_layout().commits)
        self._announced = 0
        return pb.CutVersionResponse()

    async def AwaitVersion(self, request: pb.AwaitVersionRequest, context: Context) -> pb.AwaitVersionResponse:
        self._check_version(request.run, request.version)
        prepared = await self._versions.prepared(request.version, request.wait_ms / 1e3)
        if prepared is None:
            return pb.AwaitVersionResponse()
        files = [VersionFile(**record.model_dump()) for record in prepared.files]
        return pb.AwaitVersionResponse(written=True, files=files, appended_episodes=prepared.appended)

    async def EndVersion(self, request: pb.EndVersionRequest, context: Context) -> pb.EndVersionResponse:
        self._check_version(request.run, request.version)
        self._announced = 0 if self._announced == request.version else self._announced
        await self._versions.end(request.version, committed=request.committed)
        return pb.EndVersionResponse()

    async def TakeUpVersion(self, request: pb.TakeUpVersionRequest, context: Context) -> pb.TakeUpVersionResponse:
        self._check_version(request.run, request.version)
        async with self._adopting:
            taken = await self._versions.open(request.version)
            self._shard, self._taking_up = None, request.version
            for line in (self._appends, self._samples):
                line.turn_away(UnavailableError(f"this shard is taking up version {request.version}"))
            self.take_up(await self._restore(request.version, taken))
        return pb.TakeUpVersionResponse()

    async def Stats(self, request: pb.StatsRequest, context: Context) -> pb.StatsResponse:
        stats = pb.StatsResponse(
            run=self._run,
            capacity=self._capacity,
            waiting_appends=self._appends.waiting,
            waiting_samples=self._samples.waiting,
            append_wait_s=self._appends.waited_s,
            sample_wait_s=self._samples.waited_s,
            redis_available=True,
        )
        if self._shard is not None:
            self._describe(self._shard, stats)
        return stats

    def _describe(self, shard: Shard, stats: pb.StatsResponse) -> None:
        table = shard.table
        stats.layout.CopyFrom(pb.Layout(stride=shard.stride, digest=shard.digest))
        stats.records = table.records
        stats.episodes = table.episodes
        stats.items = table.items
        stats.inserted_steps = table.limiter.inserted
        stats.sampled_windows = table.limiter.sampled
        stats.appended_episodes = shard.commits.appended
        stats.redis_available = shard.commits.redis_available
        stats.blocked_by = self._who_waits(shard)

    def _who_waits(self, shard: Shard) -> str:
        if not shard.commits.redis_available:
            return "appends wait for Redis"
        if self._samples.waiting:
            return shard.table.limiter.why_no_sample()
        return shard.table.limiter.why_no_insert() if self._appends.waiting else ""

    def _check_run(self, run: str) -> None:
        if run != self._run:
            raise MismatchError(f"run: this shard serves {self._run!r}, found {run!r}")

    def _check_version(self, run: str, version: int) -> None:
        self._check_run(run)
        if version < 1:
            raise InvalidRequestError(f"version: expected at least 1, found {version}")

    def _check_usable(self) -> None:
        if self._taking_up is not None:
            raise UnavailableError(f"this shard has to take up version {self._taking_up} before it serves")

    def _serving(self, digest: str) -> Shard:
        shard = self._any_layout()
        if digest != shard.digest:
            raise MismatchError(f"record layout: this shard holds {shard.digest}, found {digest}")
        return shard

    def _any_layout(self) -> Shard:
        self._check_usable()
        if self._shard is None:
            raise MismatchError("this shard holds nothing yet: a producer has to be opened first")
        return self._shard

    def _check_episodes(self, request: pb.AppendRequest, stride: int) -> None:
        if not request.episodes:
            raise InvalidRequestError(f"append by {request.actor}: expected at least one episode, found none")
        first = request.episodes[0].sequence
        for offset, episode in enumerate(request.episodes):
            what = f"append by {request.actor}, episode {episode.sequence}"
            if episode.sequence != first + offset:
                raise InvalidRequestError(f"{what}: expected sequence number {first + offset}")
            count, rest = divmod(len(episode.records), stride)
            if rest or count < 2:
                raise InvalidRequestError(
                    f"{what}: expected at least 2 whole records of {stride} bytes, found {len(episode.records)} bytes"
                )
            if count > self._capacity:
                raise InvalidRequestError(
                    f"{what}: expected at most {self._capacity} records, all that fit, found {count}"
                )

    def _check_slices(self, request: pb.SampleRequest, stride: int) -> list[Slice]:
        window = request.window.before + request.window.after
        size = 0
        for part in request.slices:
            if part.first + part.steps > window or part.offset + part.size > stride or not part.size or not part.steps:
                raise InvalidRequestError(
                    f"sample: expected slices inside windows of {window} records of {stride} bytes, found "
                    f"records [{part.first}, {part.first + part.steps}), "
                    f"bytes [{part.offset}, {part.offset + part.size})"
                )
            size += request.windows * part.steps * part.size
        if request.windows and (not request.window.after or window > self._capacity or size > SAMPLE_LIMIT_BYTES):
            raise InvalidRequestError(
                f"sample: expected windows of 1 to {self._capacity} records and at most {SAMPLE_LIMIT_BYTES} "
                f"bytes in all, found windows of {window} records and {size} bytes"
            )
        return [Slice(part.first, part.steps, part.offset, part.size) for part in request.slices]


def _decode_priorities(update: pb.PriorityUpdate) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    if len(update.keys) % 8 or len(update.keys) != 2 * len(update.priorities):
        raise InvalidRequestError(
            f"priorities: expected 8 bytes of keys for every 4 of priorities, found {len(update.keys)} and "
            f"{len(update.priorities)}"
        )
    priorities = np.frombuffer(update.priorities, "<f4")
    if not (np.isfinite(priorities) & (priorities >= 0.0)).all():
        raise InvalidRequestError("priorities: expected finite numbers of at least 0, found others")
    return np.frombuffer(update.keys, "<u8").astype(np.int64), priorities
