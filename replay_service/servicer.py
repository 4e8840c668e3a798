"""The thin shell around the table: checks messages, waits for the limiter, converts. See protos/replay.proto."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import grpc.aio
import structlog

from protos import replay_pb2 as pb
from protos import replay_pb2_grpc
from replay_service.arena import Slice
from replay_service.bounds import (
    check_episodes,
    check_limiter,
    check_producer,
    check_version,
    decode_priorities,
    slices_of,
)
from replay_service.lockstep import Lockstep
from replay_service.metrics import ReplayMetrics
from replay_service.producers import Producer
from replay_service.redis_log import Meta
from replay_service.shard import Shard
from replay_service.stay import Stay
from replay_service.table import Table
from replay_service.turnstile import Turnstile
from replay_service.versions import ShardVersions, TakenUp
from townlet.append_call import AppendMessage, Episode
from townlet.checkpoint.wire import encode_files
from townlet.errors import MismatchError, UnavailableError
from townlet.failpoints import failpoint
from townlet.sample_call import SampleMessage

FIRST_PRODUCER_POLL_S = 0.2

Context = grpc.aio.ServicerContext[Any, Any]

log = structlog.get_logger()


class ReplayServicer(replay_pb2_grpc.ReplayServiceServicer):
    """One shard's service, all on one event loop: between two awaits nothing else happens.

    capacity: records. adopt: builds the shard once the first producer has told the layout. versions: the shard's part
    of them. restore: opens a version, and makes the shard what it was then.
    taking_up: a version that the shard has to take up before it serves: Redis lost what it held, or it died on the way.
    """

    def __init__(
        self,
        run: str,
        capacity: int,
        adopt: Callable[[Meta], Awaitable[Shard]],
        versions: ShardVersions,
        restore: Callable[[int, TakenUp], Awaitable[Shard]],
        metrics: ReplayMetrics,
        taking_up: int | None = None,
    ) -> None:
        self.stay = Stay()
        self._run = run
        self._capacity = capacity
        self._adopt = adopt
        self._versions = versions
        self._restore = restore
        self._metrics = metrics
        self._taking_up = taking_up
        self._announced = 0
        """The version that is about to be cut; 0 for none."""
        self._adopting = asyncio.Lock()
        self._errand: tuple[int, asyncio.Task[None]] | None = None
        """The version that was asked to be taken up last."""
        self._shard: Shard | None = None
        self._appends: Turnstile[asyncio.Future[int]] = Turnstile()
        self._samples: Turnstile[bytes] = Turnstile()

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
        check_producer(request)
        async with self._adopting:
            if self._shard is None:
                self._check_usable()
                self.take_up(await self._adopt(Meta(layout.stride, layout.digest, 0, 0, 0, 0)))
        shard = self._serving(layout.digest)
        if layout.stride != shard.stride:
            raise MismatchError(f"layout {layout.digest}: expected a stride of {shard.stride}, found {layout.stride}")
        epoch = await shard.commits.open(request.actor)
        if shard.lockstep is not None:
            shard.lockstep.rounds.forget(request.actor)
        return pb.OpenProducerResponse(epoch=epoch)

    async def Append(self, request: AppendMessage, context: Context) -> pb.AppendResponse:  # type: ignore[override]
        """Append, with its episodes where they were received: see `townlet.append_call`."""
        self._check_run(request.rest.run)
        shard = self._serving(request.rest.layout_digest)
        check_episodes(request, shard.stride, self._capacity)
        if lockstep := _lockstep_of(shard, request.rest.round > 0):
            return pb.AppendResponse(next_sequence=lockstep.append(request))
        known = shard.producers.find(request.rest.actor, request.rest.epoch)
        stored = await self._enter_appends(shard, request, known)
        if stored:
            self._metrics.appending(stored[-1])
        blocked_by = "" if len(stored) == len(request.episodes) else shard.table.limiter.why_no_insert()
        next_sequence = await _last_answer(stored) if stored else known.next_sequence
        return pb.AppendResponse(next_sequence=next_sequence, blocked_by=blocked_by)

    async def _enter_appends(
        self, shard: Shard, request: AppendMessage, known: Producer
    ) -> "list[asyncio.Future[int]]":
        """Hand episodes over, as far as they are let through in time: when each of them is stored."""
        actor, epoch, first = request.rest.actor, request.rest.epoch, request.episodes[0].sequence
        until_s = time.monotonic() + request.rest.wait_ms / 1e3
        stored: list[asyncio.Future[int]] = []
        async with shard.procession.turn(actor, epoch, known.next_sequence, first, until_s) as has_come:
            for episode in request.episodes if has_come else ():
                steps = len(episode.records) // shard.stride - 1 if episode.sequence >= known.next_sequence else 0
                entered = await self._enter_append(shard, request.rest, episode, steps, until_s - time.monotonic())
                if entered is None:
                    break
                stored.append(entered)
                shard.procession.passed(actor, epoch, episode.sequence)
        return stored

    async def _enter_append(
        self, shard: Shard, request: pb.AppendRequest, episode: Episode, steps: int, wait_s: float
    ) -> "asyncio.Future[int] | None":
        """Hand one episode over as soon as the limiter lets it through: when it is stored; None after `wait_s`."""
        limiter, commits = shard.table.limiter, shard.commits

        def hand_over() -> "asyncio.Future[int]":
            return commits.append(request.actor, request.epoch, episode.sequence, episode.records, steps)

        if request.leaves:
            return hand_over()
        return await self._appends.enter(
            ready=lambda: not steps or self._announced > 0 or limiter.can_insert(steps, commits.pending_steps),
            work=hand_over,
            wait_s=wait_s,
        )

    async def Sample(self, request: pb.SampleRequest, context: Context) -> bytes:  # type: ignore[override]
        """Sample, serialised: see `townlet.sample_call`."""
        self._check_run(request.run)
        self.stay.learner_works()
        self._check_usable()
        if self._shard is None:
            await asyncio.sleep(min(request.wait_ms / 1e3, FIRST_PRODUCER_POLL_S))
            return pb.SampleResponse(blocked_by="samples wait for inserts: no actor has come yet").SerializeToString()
        shard = self._serving(request.layout_digest)
        table = shard.table
        slices = slices_of(request, shard.stride, self._capacity)
        if lockstep := _lockstep_of(shard, request.turn > 0):
            await lockstep.turn(request.turn, request.wait_ms / 1e3)
        if request.HasField("priorities"):
            table.update_priorities(*decode_priorities(request.priorities))
        answer = None
        if request.windows:
            answer = await self._samples.enter(
                ready=lambda: table.items > 0 and table.limiter.can_sample(request.windows),
                work=lambda: self._draw(table, request, slices),
                wait_s=request.wait_ms / 1e3,
            )
        if lockstep is not None:
            await lockstep.take_turn()
        self._appends.look_again()
        if answer is not None:
            return answer
        blocked_by = table.limiter.why_no_sample() if request.windows else ""
        return pb.SampleResponse(
            items=table.items, total_weight=table.total_weight, blocked_by=blocked_by
        ).SerializeToString()

    def _draw(self, table: Table, request: pb.SampleRequest, slices: Sequence[Slice]) -> bytes:
        window = request.window
        message = SampleMessage(request.windows * sum(part.steps * part.size for part in slices))
        sample = self._metrics.sampling(
            table, lambda: table.sample(request.windows, window.before, window.after, slices, message.data)
        )
        rest = pb.SampleResponse(
            windows=request.windows,
            keys=sample.keys.astype("<u8").tobytes(),
            probabilities=sample.probabilities.astype("<f8").tobytes(),
            real_before=sample.real_before.astype("<u4").tobytes(),
            real_after=sample.real_after.astype("<u4").tobytes(),
            items=table.items,
            total_weight=table.total_weight,
        )
        del sample
        return message.finish(rest)

    async def CommitRound(self, request: pb.CommitRoundRequest, context: Context) -> pb.CommitRoundResponse:
        self._check_run(request.run)
        self.stay.learner_works()
        shard = self._any_layout()
        lockstep = _lockstep_of(shard, True)
        assert lockstep is not None
        if not await lockstep.commit(request.round, request.pushed, request.wait_ms / 1e3):
            return pb.CommitRoundResponse()
        table = shard.table
        return pb.CommitRoundResponse(
            committed=True,
            items=table.items,
            total_weight=table.total_weight,
            inserted_steps=table.limiter.inserted,
        )

    async def SetLimiter(self, request: pb.SetLimiterRequest, context: Context) -> pb.SetLimiterResponse:
        self._check_run(request.run)
        check_limiter(request)
        ratio = request.samples_per_insert if request.HasField("samples_per_insert") else None
        limiter = self._any_layout().table.limiter
        if (ratio, request.tolerance) != (limiter.samples_per_insert, limiter.tolerance):
            limiter.change(ratio, request.tolerance)
            log.info("limiter_set", samples_per_insert=ratio, tolerance=request.tolerance)
            self.look_again()
        return pb.SetLimiterResponse()

    async def AnnounceVersion(self, request: pb.AnnounceVersionRequest, context: Context) -> pb.AnnounceVersionResponse:
        self._check_version(request.run, request.version)
        self._announced = request.version
        self._appends.look_again()
        return pb.AnnounceVersionResponse()

    async def CutVersion(self, request: pb.CutVersionRequest, context: Context) -> pb.CutVersionResponse:
        self._check_version(request.run, request.version)
        shard = self._any_layout()
        committed = shard.lockstep.rounds.committed if shard.lockstep else 0
        if committed is None:
            raise UnavailableError("this shard has restarted, and has to take up a version")
        await self._versions.cut(request.version, shard.commits, committed)
        self._announced = 0
        failpoint("replay.cut.before_answer")
        return pb.CutVersionResponse()

    async def AwaitVersion(self, request: pb.AwaitVersionRequest, context: Context) -> pb.AwaitVersionResponse:
        self._check_version(request.run, request.version)
        prepared = await self._versions.prepared(request.version, request.wait_ms / 1e3)
        if prepared is None:
            return pb.AwaitVersionResponse()
        files = encode_files(prepared.files)
        return pb.AwaitVersionResponse(written=True, files=files, appended_episodes=prepared.appended)

    async def EndVersion(self, request: pb.EndVersionRequest, context: Context) -> pb.EndVersionResponse:
        self._check_version(request.run, request.version)
        self._announced = 0 if self._announced == request.version else self._announced
        await self._versions.end(request.version, committed=request.committed)
        return pb.EndVersionResponse()

    async def Stay(self, request: pb.StayRequest, context: Context) -> pb.StayResponse:
        self._check_run(request.run)
        await self.stay.ask(request.stay)
        return pb.StayResponse()

    async def TakeUpVersion(self, request: pb.TakeUpVersionRequest, context: Context) -> pb.TakeUpVersionResponse:
        self._check_version(request.run, request.version)
        # Shielded: else a caller who goes away would leave a shard that serves nobody.
        await asyncio.shield(self._taking_up_version(request.version))
        failpoint("replay.take_up.before_answer")
        return pb.TakeUpVersionResponse()

    def _taking_up_version(self, version: int) -> "asyncio.Task[None]":
        """One for all who ask meanwhile. Raises UnavailableError while it is another version."""
        if self._errand is None or self._errand[1].done():
            self._errand = version, asyncio.create_task(self._take_up_version(version))
            self._errand[1].add_done_callback(_note_failure)
        under_way, task = self._errand
        if under_way != version:
            raise UnavailableError(f"this shard is taking up version {under_way}")
        return task

    async def _take_up_version(self, version: int) -> None:
        async with self._adopting:
            taken = await self._versions.open(version)
            self._shard, self._taking_up = None, version
            for line in (self._appends, self._samples):
                line.turn_away(UnavailableError(f"this shard is taking up version {version}"))
            self.take_up(await self._restore(version, taken))

    async def Stats(self, request: pb.StatsRequest, context: Context) -> pb.StatsResponse:
        return self.stats()

    def stats(self) -> pb.StatsResponse:
        """How the shard stands."""
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
        if table.limiter.samples_per_insert is not None:
            stats.samples_per_insert = table.limiter.samples_per_insert

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
        check_version(version)

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


def _lockstep_of(shard: Shard, in_rounds: bool) -> Lockstep | None:
    """What orders the calls to a shard of a run in lockstep. in_rounds: whether a call is of such a run."""
    if in_rounds != (shard.lockstep is not None):
        found = "in rounds" if in_rounds else "without a round or turn"
        raise MismatchError(
            f"schedule: this shard serves {'lockstep' if shard.lockstep else 'async'}, found a call {found}"
        )
    return shard.lockstep


async def _last_answer(stored: "list[asyncio.Future[int]]") -> int:
    """What the last of them says, once all are there; they leave the list.

    Else the error of one that was refused would keep the frame that waits for it, which keeps that one: with all that
    the request brought, until the garbage collector comes by.
    """
    try:
        return (await asyncio.gather(*stored))[-1]
    finally:
        stored.clear()


def _note_failure(taking_up: "asyncio.Task[None]") -> None:
    """Whoever asked for it may have gone away."""
    if not taking_up.cancelled() and (error := taking_up.exception()) is not None:
        log.warning("version_not_taken_up", reason=str(error))
