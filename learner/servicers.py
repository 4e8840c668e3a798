"""The thin shells of the learner's three services: they check, convert, and ask. See protos/."""

import time
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import structlog

from learner.head import Head
from learner.holds import Holds
from learner.publisher import Publisher
from learner.resume import Resumed
from learner.scoreboard import Scoreboard
from protos import (
    admin_pb2,
    admin_pb2_grpc,
    control_pb2,
    control_pb2_grpc,
    policy_pb2,
    policy_pb2_grpc,
)
from townlet.checkpoint.manifest import FileRecord
from townlet.errors import InvalidRequestError, MismatchError

Context = grpc.aio.ServicerContext[Any, Any]

log = structlog.get_logger()


class PolicyServicer(policy_pb2_grpc.PolicyServiceServicer):
    """Streams the newest policy."""

    def __init__(self, run: str, publisher: Publisher, head: Head) -> None:
        self._run = run
        self._publisher = publisher
        self._head = head

    async def Subscribe(
        self, request: policy_pb2.SubscribeRequest, context: Context
    ) -> AsyncIterator[policy_pb2.SubscribeResponse]:
        _check("run", self._run, request.run)
        averaged = request.weights == policy_pb2.WEIGHTS_AVERAGED
        version = 0
        while True:
            snapshot = await self._publisher.newer_than(version)
            yield snapshot.averaged if averaged else snapshot.online
            version = snapshot.version

    async def Acknowledge(
        self, request: policy_pb2.AcknowledgeRequest, context: Context
    ) -> policy_pb2.AcknowledgeResponse:
        _check("run", self._run, request.run)
        self._head.acknowledge(request.member, request.version)
        return policy_pb2.AcknowledgeResponse()


class ControlServicer(control_pb2_grpc.ControlServiceServicer):
    """Keeps the books of the members."""

    def __init__(
        self, run: str, config_digest: str, layout_digest: str, head: Head, holds: Holds, resumed: Resumed | None
    ) -> None:
        self._run = run
        self._config_digest = config_digest
        self._layout_digest = layout_digest
        self._head = head
        self._holds = holds
        self._taking_up = TakingUp(resumed, head)

    async def Join(self, request: control_pb2.JoinRequest, context: Context) -> control_pb2.JoinResponse:
        _check("run", self._run, request.run)
        _check("configuration", self._config_digest, request.config_digest)
        _check("record layout", self._layout_digest, request.layout_digest)
        if not request.member or not request.incarnation or request.role == control_pb2.ROLE_UNSPECIFIED:
            raise InvalidRequestError("Join: expected a member, an incarnation and a role")
        first_lane = self._head.join(request, time.monotonic())
        take_up = self._taking_up.version_for(request.member, request.incarnation)
        return control_pb2.JoinResponse(first_lane=first_lane, take_up_version=take_up)

    async def Report(self, request: control_pb2.ReportRequest, context: Context) -> control_pb2.ReportResponse:
        _check("run", self._run, request.run)
        next_episode = self._head.report(request, time.monotonic())
        changes, next_stage_change = self._head.report_stages(request)
        for change in changes:
            log.info("stage_changed", actor=request.member, **_stage_change(change))
        return control_pb2.ReportResponse(
            next_episode=next_episode, next_stage_change=next_stage_change, hold_version=self._holds.version
        )

    async def Hold(self, request: control_pb2.HoldRequest, context: Context) -> control_pb2.HoldResponse:
        _check("run", self._run, request.run)
        self._head.hear(request.member, request.incarnation, time.monotonic())
        held = await self._holds.hold(request.member, request.version, request.wait_ms / 1e3)
        return control_pb2.HoldResponse(go_on=held.go_on, deliver=held.deliver)

    async def Deliver(self, request: control_pb2.DeliverRequest, context: Context) -> control_pb2.DeliverResponse:
        _check("run", self._run, request.run)
        self._head.hear(request.member, request.incarnation, time.monotonic())
        files = [FileRecord(path=f.path, size=f.size, sha256=f.sha256, component=f.component) for f in request.files]
        await self._holds.deliver(request.member, request.version, files, request.failure)
        return control_pb2.DeliverResponse()


class TakingUp:
    """Which actors begin with their state of the version that the run goes on from: those that have died, once each."""

    def __init__(self, resumed: Resumed | None, head: Head) -> None:
        self._version = resumed.manifest.version if resumed else 0
        members = resumed.manifest.members if resumed else ()
        self._before = {name: member.incarnation for name, member in head.members.items() if name in members}
        self._taken: dict[str, str] = {}

    def version_for(self, actor: str, incarnation: str) -> int:
        """What an actor that joins takes up; 0 when it lives on, or begins anew. A call may be repeated."""
        if self._before.pop(actor, incarnation) != incarnation:
            self._taken[actor] = incarnation
        return self._version if self._taken.get(actor) == incarnation else 0


class AdminServicer(admin_pb2_grpc.AdminServiceServicer):
    """Shows the run to people and programs."""

    def __init__(self, scoreboard: Scoreboard) -> None:
        self._scoreboard = scoreboard

    async def Status(self, request: admin_pb2.StatusRequest, context: Context) -> admin_pb2.StatusResponse:
        return self._scoreboard.status()


def _stage_change(change: control_pb2.StageChange) -> dict[str, object]:
    """For people, who count stages from 1."""
    return {
        "lane": change.lane,
        "from_stage": change.from_stage + 1,
        "to_stage": change.to_stage + 1,
        "reason": change.reason,
        "figures": {name: round(value, 4) for name, value in change.figures.items()},
    }


def _check(what: str, ours: str, theirs: str) -> None:
    if theirs != ours:
        raise MismatchError(f"{what}: the learner has {ours!r}, found {theirs!r}")
