"""The thin shells of what the members of a run call: they check, convert, and ask. See protos/."""

import time
from collections.abc import Callable
from typing import Any

import grpc.aio
import structlog

from learner.bounds import check_join, check_report
from learner.farewells import Farewells
from learner.head import Head
from learner.holds import Holds
from learner.resume import Resumed
from learner.rounds import Rounds
from protos import control_pb2, control_pb2_grpc
from townlet.checkpoint.wire import decode_files
from townlet.errors import MismatchError, UnavailableError, UnknownMemberError
from townlet.telemetry import version as newest_version

Context = grpc.aio.ServicerContext[Any, Any]

REJOIN_S = 5.0
"""So long a learner that has restarted waits for those who live on, before it gives their places to others."""

log = structlog.get_logger()


class ControlServicer(control_pb2_grpc.ControlServiceServicer):
    """Keeps the books of the members."""

    def __init__(
        self,
        run: str,
        config_digest: str,
        layout_digest: str,
        head: Head,
        holds: Holds,
        resumed: Resumed | None,
        rounds: Rounds | None,
        farewells: Farewells,
        is_kept: Callable[[int], bool] = lambda _: True,
    ) -> None:
        """is_kept: whether a version is still there."""
        self._run = run
        self._config_digest = config_digest
        self._layout_digest = layout_digest
        self._head = head
        self._holds = holds
        self._rounds = rounds
        self._farewells = farewells
        self._taking_up = TakingUp(resumed, head, time.monotonic(), is_kept)

    async def Join(self, request: control_pb2.JoinRequest, context: Context) -> control_pb2.JoinResponse:
        _check("run", self._run, request.run)
        _check("configuration", self._config_digest, request.config_digest)
        _check("record layout", self._layout_digest, request.layout_digest)
        others = sum(member.lanes for name, member in self._head.members.items() if name != request.member)
        check_join(request, others)
        self._head.check_not_replaced(request)
        request.member = request.member or self._any_place(request)
        if self._taking_up.must_start_over(request):
            return control_pb2.JoinResponse(start_over=True)
        place = None
        if self._rounds is not None and request.role == control_pb2.ROLE_ACTOR:
            await self._rounds.admit(request.member, request.incarnation)
            place = request.lanes * self._rounds.actors.index(request.member)
        take_up = self._taking_up.version_for(request.member, request.incarnation)
        starting = self._rounds is None and not take_up and not request.again  # lockstep waits for everybody
        first_lane = self._head.join(request, time.monotonic(), place, starting=starting)
        if starting:
            await self._holds.leave(request.member)  # whoever had the name before it, and may be waited for
        return control_pb2.JoinResponse(first_lane=first_lane, take_up_version=take_up, member=request.member)

    def _any_place(self, request: control_pb2.JoinRequest) -> str:
        """The name for a caller that has none. Raises TownletError when it can have none, or none yet."""
        if self._rounds is not None:
            raise MismatchError("Join: expected the name of an actor, since in lockstep each has its own, found none")
        now_s = time.monotonic()
        self._taking_up.check_settled(now_s)
        name = self._head.free_name(request.incarnation, now_s, self._taking_up.waiting)
        log.info("place_given", member=name, lanes=request.lanes)
        return name

    async def Report(self, request: control_pb2.ReportRequest, context: Context) -> control_pb2.ReportResponse:
        _check("run", self._run, request.run)
        self._hear(request.member, request.incarnation)
        answer = self.count(request)
        if request.stopping and self._farewells.may_leave(request.incarnation, time.monotonic()):
            answer.leave = True
        if request.leaves:
            self._farewells.forget(request.incarnation)
        if request.leaves and self._rounds is None:
            self._head.leave(request.member, request.incarnation)
            await self._holds.leave(request.member)
            log.info("member_left", member=request.member)
        return answer

    def count(self, report: control_pb2.ReportRequest) -> control_pb2.ReportResponse:
        """Count what is new in a report. Raises UnknownMemberError, and InvalidRequestError beyond its bounds."""
        check_report(report)
        next_episode = self._head.report(report, time.monotonic())
        changes, next_stage_change = self._head.report_stages(report)
        for change in changes:
            log.info("stage_changed", actor=report.member, **_stage_change(change))
        return control_pb2.ReportResponse(
            next_episode=next_episode,
            next_stage_change=next_stage_change,
            hold_version=self._holds.version,
            report_after_ms=int(1e3 * self._head.report_period_s),
            leave=self._head.members[report.member].draining,
            newest_version=newest_version(),
        )

    async def EndRound(self, request: control_pb2.EndRoundRequest, context: Context) -> control_pb2.EndRoundResponse:
        _check("run", self._run, request.report.run)
        self._hear(request.report.member, request.report.incarnation)
        if self._rounds is None:
            raise MismatchError("schedule: this run is in async, found the end of a round")
        check_report(request.report)
        return await self._rounds.end(request, request.wait_ms / 1e3)

    async def Hold(self, request: control_pb2.HoldRequest, context: Context) -> control_pb2.HoldResponse:
        _check("run", self._run, request.run)
        self._hear(request.member, request.incarnation)
        held = await self._holds.hold(request.member, request.version, request.wait_ms / 1e3)
        return control_pb2.HoldResponse(go_on=held.go_on, deliver=held.deliver, cut=held.cut)

    async def Deliver(self, request: control_pb2.DeliverRequest, context: Context) -> control_pb2.DeliverResponse:
        _check("run", self._run, request.run)
        self._hear(request.member, request.incarnation)
        files = decode_files(request.files)
        await self._holds.deliver(request.member, request.version, files, request.failure)
        return control_pb2.DeliverResponse()

    def _hear(self, member: str, incarnation: str) -> None:
        """A member has spoken. Raises UnknownMemberError, after which it joins again."""
        self._taking_up.check(member, incarnation)
        self._head.hear(member, incarnation, time.monotonic())


class TakingUp:
    """Which actors begin with their state of the version that the run goes on from: those that have died, once each.

    Where everyone goes back to the version, those that live on have to start over, so that they do too. Who comes so
    late that the version is not kept any more begins anew.
    """

    def __init__(
        self,
        resumed: Resumed | None,
        head: Head,
        began_s: float = 0.0,
        is_kept: Callable[[int], bool] = lambda _: True,
    ) -> None:
        self._is_kept = is_kept
        self._began_s = began_s
        self._version = resumed.manifest.version if resumed else 0
        self._takes_back = resumed is not None and resumed.takes_back
        self._here: set[str] = set()
        members = resumed.manifest.members if resumed else ()
        self._before = {name: member.incarnation for name, member in head.members.items() if name in members}
        self._taken: dict[str, str] = {}

    @property
    def waiting(self) -> list[str]:
        """Actors whose state nobody has taken up yet, in the order of their places."""
        return list(self._before)

    def check_settled(self, now_s: float) -> None:
        """Raises UnavailableError while some of those who live on may not have come back yet."""
        if self._before and now_s - self._began_s < REJOIN_S:
            raise UnavailableError(f"the learner has just begun: a place is given away after {REJOIN_S:g} s")

    def must_start_over(self, request: control_pb2.JoinRequest) -> bool:
        """Whether an actor has lived on since the version that everyone goes back to. Others are noted as here."""
        if self._takes_back and request.again and request.lanes and request.incarnation not in self._here:
            return True
        self._here.add(request.incarnation)
        return False

    def check(self, member: str, incarnation: str) -> None:
        """Raises UnknownMemberError for one that joined before everyone went back."""
        if self._takes_back and incarnation not in self._here:
            raise UnknownMemberError(f"{member}: the run has gone back to a version since it joined")

    def version_for(self, actor: str, incarnation: str) -> int:
        """What an actor that joins takes up; 0 when it lives on, or begins anew. A call may be repeated."""
        if self._before.pop(actor, incarnation) != incarnation:
            self._taken[actor] = incarnation
        takes = self._taken.get(actor) == incarnation and self._is_kept(self._version)
        return self._version if takes else 0


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
