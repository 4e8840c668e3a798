"""The thin shell of the admin service: it checks, converts, and asks. See protos/admin.proto."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from math import isfinite
from typing import Any, ParamSpec, TypeVar

import grpc.aio
import structlog

from learner.errands import Errands
from learner.head import Head, Member, State
from learner.paces import Paces
from learner.pause import Pause
from learner.restore import Restore
from learner.scoreboard import Scoreboard
from learner.steering import SetValue, Steering
from learner.versions import Step, Versions
from protos import admin_pb2 as pb
from protos import admin_pb2_grpc, control_pb2
from townlet.admin.archive import Archive
from townlet.errors import RefusedError, UnavailableError

Context = grpc.aio.ServicerContext[Any, Any]
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

WATCH_PERIOD_S = 1.0
STEPS = {
    "waiting": pb.CHECKPOINT_STEP_WAITING,
    "announced": pb.CHECKPOINT_STEP_ANNOUNCED,
    "cut": pb.CHECKPOINT_STEP_CUT,
    "written": pb.CHECKPOINT_STEP_WRITTEN,
    "committed": pb.CHECKPOINT_STEP_COMMITTED,
}
STATES = {
    State.PRESENT: pb.MEMBER_STATE_PRESENT,
    State.DRAINING: pb.MEMBER_STATE_DRAINING,
    State.LEFT: pb.MEMBER_STATE_LEFT,
    State.AWAY: pb.MEMBER_STATE_AWAY,
}

log = structlog.get_logger()


@dataclass(frozen=True)
class Run:
    """What the admin service looks at and steers.

    resumed: the version that this life went on from; 0 for none. actors: in lockstep, whom every round waits for.
    """

    scoreboard: Scoreboard
    head: Head
    paces: Paces
    pause: Pause
    steering: Steering
    stop: threading.Event
    resumed: int
    actors: tuple[str, ...]


@dataclass(frozen=True)
class History:
    """The run's versions."""

    archive: Archive
    versions: Versions
    restore: Restore


class AdminServicer(admin_pb2_grpc.AdminServiceServicer):
    """Shows the run to people and programs, and lets them steer it. history: None for a run without versions."""

    def __init__(self, run: Run, history: History | None, errands: Errands) -> None:
        self._run = run
        self._history = history
        self._errands = errands

    async def Status(self, request: pb.StatusRequest, context: Context) -> pb.StatusResponse:
        return self._status()

    async def Watch(self, request: pb.WatchRequest, context: Context) -> AsyncIterator[pb.WatchResponse]:
        while True:
            yield pb.WatchResponse(status=self._status())
            await asyncio.sleep(request.period_ms / 1e3 or WATCH_PERIOD_S)

    async def Pause(self, request: pb.PauseRequest, context: Context) -> pb.PauseResponse:
        self._run.pause.pause()
        log.info("paused")
        return pb.PauseResponse()

    async def Resume(self, request: pb.ResumeRequest, context: Context) -> pb.ResumeResponse:
        self._run.pause.resume()
        log.info("goes_on")
        return pb.ResumeResponse()

    async def Checkpoint(self, request: pb.CheckpointRequest, context: Context) -> AsyncIterator[pb.CheckpointResponse]:
        versions = self._known.versions

        async def make(tell: Callable[[Step], None]) -> None:
            await versions.make("asked for", tell=tell)

        async for step in self._errands.run(make):
            if step.name == "given up":
                raise RefusedError(f"version {step.version} was given up: {step.reason}; the training goes on")
            yield pb.CheckpointResponse(step=STEPS[step.name], version=step.version)

    async def ListVersions(self, request: pb.ListVersionsRequest, context: Context) -> pb.ListVersionsResponse:
        return await _blocking(self._known.archive.versions)

    async def ShowVersion(self, request: pb.ShowVersionRequest, context: Context) -> pb.ShowVersionResponse:
        return await _blocking(self._known.archive.show, request.version)

    async def VerifyVersion(
        self, request: pb.VerifyVersionRequest, context: Context
    ) -> AsyncIterator[pb.VerifyVersionResponse]:
        archive = self._known.archive

        async def verify(tell: Callable[[pb.VersionProgress], None]) -> None:
            await _blocking(archive.verify, request.version, tell)

        async for done in self._errands.run(verify):
            yield pb.VerifyVersionResponse(verified=done)

    async def PinVersion(self, request: pb.PinVersionRequest, context: Context) -> pb.PinVersionResponse:
        await _blocking(self._known.archive.pin, request.version)
        return pb.PinVersionResponse()

    async def UnpinVersion(self, request: pb.UnpinVersionRequest, context: Context) -> pb.UnpinVersionResponse:
        await _blocking(self._known.archive.unpin, request.version)
        return pb.UnpinVersionResponse()

    async def DeleteVersion(self, request: pb.DeleteVersionRequest, context: Context) -> pb.DeleteVersionResponse:
        async with self._known.versions.one_at_a_time:
            await _blocking(self._known.archive.delete, request.version)
        log.info("version_deleted", version=request.version)
        return pb.DeleteVersionResponse()

    async def BranchVersion(
        self, request: pb.BranchVersionRequest, context: Context
    ) -> AsyncIterator[pb.BranchVersionResponse]:
        archive = self._known.archive

        async def branch(tell: Callable[[pb.BranchVersionResponse], None]) -> None:
            path = await _blocking(
                archive.branch, request.version, request.run, lambda done: tell(pb.BranchVersionResponse(copied=done))
            )
            tell(pb.BranchVersionResponse(config_path=path))

        async for event in self._errands.run(branch):
            yield event

    async def RestoreVersion(
        self, request: pb.RestoreVersionRequest, context: Context
    ) -> AsyncIterator[pb.RestoreVersionResponse]:
        history = self._known

        async def restore(tell: Callable[[pb.RestoreVersionResponse], None]) -> None:
            await _refusing(history.restore.to(request.version, tell))

        async for event in self._errands.run(restore):
            yield event

    async def Set(self, request: pb.SetRequest, context: Context) -> pb.SetResponse:
        now, before = self._run.steering.set(request.key, request.value)
        log.info("set", key=now.key, value=now.value, before=before.value)
        return pb.SetResponse(now=_as_message(now), before=_as_message(before))

    async def ListMembers(self, request: pb.ListMembersRequest, context: Context) -> pb.ListMembersResponse:
        members = sorted(self._run.head.members.items())
        return pb.ListMembersResponse(members=[self._member(name, member) for name, member in members])

    async def Drain(self, request: pb.DrainRequest, context: Context) -> pb.DrainResponse:
        if self._run.actors:
            raise RefusedError(f"drain {request.actor}: in lockstep the actors are a fixed set, and none may leave")
        self._run.head.drain(request.actor, time.monotonic())
        log.info("drains", actor=request.actor)
        return pb.DrainResponse()

    async def Stop(self, request: pb.StopRequest, context: Context) -> pb.StopResponse:
        log.info("asked_to_stop")
        self._run.stop.set()
        return pb.StopResponse()

    @property
    def _known(self) -> History:
        if self._history is None:
            raise RefusedError("this run makes no versions")
        return self._history

    def _status(self) -> pb.StatusResponse:
        status = self._run.scoreboard.status()
        status.paused = self._run.pause.paused
        status.set_values.extend(_as_message(value) for value in self._run.steering.values())
        status.newest_version = (self._history and self._history.versions.newest) or 0
        status.resumed_version = self._run.resumed
        return status

    def _member(self, name: str, member: Member) -> pb.Member:
        silence_s = self._run.head.silence_s(name, time.monotonic())
        newest = self._run.scoreboard.policy_version
        return pb.Member(
            name=name,
            role="actor" if member.role == control_pb2.ROLE_ACTOR else "evaluator",
            state=STATES[self._run.head.state_of(name, time.monotonic())],
            lanes=member.lanes,
            environment_steps=member.environment_steps,
            environment_steps_per_s=self._run.paces.per_s(name),
            policy_version=member.policy_version,
            policy_lag=max(0, newest - member.policy_version),
            silence_s=silence_s if isfinite(silence_s) else None,
            incarnation=member.incarnation,
        )


def _as_message(value: SetValue) -> pb.SetValue:
    return pb.SetValue(key=value.key, value=value.value, configured=value.configured)


async def _blocking(work: Callable[Arguments, Result], *arguments: Arguments.args, **none: Arguments.kwargs) -> Result:
    """Disks and object stores are waited for by a thread. What they refuse is no sign that the learner is away."""
    return await _refusing(asyncio.to_thread(work, *arguments, **none))


async def _refusing(work: Awaitable[Result]) -> Result:
    try:
        return await work
    except UnavailableError as error:
        raise RefusedError(str(error)) from None
