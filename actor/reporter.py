"""Tells the learner what this member has done, in the background."""

import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import structlog

from actor.departure import Departure
from protos import control_pb2, control_pb2_grpc, policy_pb2, policy_pb2_grpc
from townlet.checkpoint.manifest import FileRecord
from townlet.checkpoint.wire import encode_files
from townlet.curriculum.interface import StageChange
from townlet.errors import StartOverError, TownletError, UnavailableError, UnknownMemberError
from townlet.rpc import CALL_TIMEOUT_S, WAIT_S, call, call_until_answered, open_channel
from townlet.security_settings import TlsSettings
from townlet.telemetry import stand_on
from townlet.worker import Worker

log = structlog.get_logger()

POLL_S = 0.1
MOST_PER_REPORT = 10_000
"""Episodes, and changes of stage."""

Entry = TypeVar("Entry")


class Reporter:
    """Joins the run, then reports every `period_s`, and joins again when the learner has restarted.

    Counters are totals of this incarnation, and episodes and changes of stage are numbered, so that every report may be
    repeated. Where the learner asks for it, reports come less often.
    in_rounds: in lockstep what the member has done is told at the end of each round, and only that it lives in between.
    told: set when the process is told to stop. It stays then until the learner lets it go, has made the last version
    with it, or is gone; for `grace_s` at most. What it has pushed until then is given a moment more. None: it leaves at
    once, with `stop`.
    policies_from: where policies are acknowledged; None: at the learner.
    starting: whether it has not begun to act, and has taken up no version.
    hold_version: for which the actor shall stand still; 0 for none. leaving: whether it shall leave.
    lanes_at_stage: how many lanes are at each stage of the curriculum now; empty where it is static.
    """

    def __init__(
        self,
        address: str,
        join: control_pb2.JoinRequest,
        period_s: float,
        stop: threading.Event,
        tls: TlsSettings | None,
        *,
        policies_from: str | None = None,
        in_rounds: bool = False,
        told: threading.Event | None = None,
        grace_s: float = 0.0,
    ) -> None:
        self.environment_steps = 0
        self.dropped_episodes = 0
        self.policy_version = 0
        self.lanes_at_stage: list[int] = []
        self.starting = False
        self.hold_version = 0
        self.leaving = False
        self._peer = f"learner at {address}"
        self._join = join
        self._join.incarnation = uuid.uuid4().hex
        self._own_period_s = self._period_s = period_s
        self._in_rounds = in_rounds
        self._stop = stop
        self._told = told or stop
        self._departure = Departure(grace_s)
        self._channel = open_channel(address, tls)
        self._control = control_pb2_grpc.ControlServiceStub(self._channel)
        self._policies_channel = open_channel(policies_from or address, tls)
        self._policies = policy_pb2_grpc.PolicyServiceStub(self._policies_channel)
        self._acknowledging: Any = None  # grpc has no public name for a call that is also a future
        self._episodes: deque[control_pb2.EpisodeSummary] = deque()
        self._finished_episodes = 0
        self._stage_changes: deque[control_pb2.StageChange] = deque()
        self._changed_stages = 0
        self._evaluations: deque[control_pb2.Evaluation] = deque()
        self._reporting = threading.Lock()
        self._worker = Worker("report", self._work, stop)

    def join(self) -> control_pb2.JoinResponse:
        """Become a member of the run, waiting for the learner. From then on we have the name that it tells."""
        joined = call_until_answered(
            self._control.Join, self._join, peer=self._peer, stop=self._told, on_retry=self._note_retry
        )
        self._join.member = joined.member or self._join.member
        return joined

    def __enter__(self) -> "Reporter":
        self._worker.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._worker.__exit__(*exception)  # type: ignore[arg-type]  # the interpreter's three
        self._channel.close()
        self._policies_channel.close()

    @property
    def finished_episodes(self) -> int:
        """By this incarnation."""
        return self._finished_episodes

    def add_episode(self, steps: int, extrinsic_return: float, terminated: bool) -> None:
        """A finished episode."""
        self._episodes.append(
            control_pb2.EpisodeSummary(
                number=self._finished_episodes,
                steps=steps,
                extrinsic_return=extrinsic_return,
                terminated=terminated,
            )
        )
        self._finished_episodes += 1

    def add_stage_change(self, change: StageChange) -> None:
        """A lane plays at another stage of the curriculum now."""
        self._stage_changes.append(
            control_pb2.StageChange(
                number=self._changed_stages,
                lane=change.lane,
                from_stage=change.from_stage,
                to_stage=change.to_stage,
                reason=change.reason,
                figures=change.figures,
            )
        )
        self._changed_stages += 1

    def add_evaluation(self, evaluation: control_pb2.Evaluation) -> None:
        """A finished evaluation."""
        self._evaluations.append(evaluation)

    def hold(self, version: int, deliver: Callable[[], None]) -> None:
        """Tell all, then stand still for a version until it is cut; after the last one until the learner is gone.

        deliver: called once it is cut, if its files are wanted. Gives up when the process stops. Raises TownletError.
        """
        self._report()
        request = control_pb2.HoldRequest(**self._me(), version=version, wait_ms=int(1e3 * WAIT_S))
        is_cut = False
        while not self._stop.is_set():
            held = call(self._control.Hold, request, peer=self._peer, timeout_s=WAIT_S + CALL_TIMEOUT_S)
            if held.cut and held.deliver and not is_cut:
                deliver()
            is_cut = held.cut
            if held.go_on:
                return
            if is_cut and self._told.is_set():
                self.leaving = True
                return

    def end_round(self, round: int, shard: int, epoch: int, next_sequence: int) -> int:
        """Tell all, then stand still until every actor has ended the round; the version that wants our state, or 0.

        shard, epoch, next_sequence: where all that was pushed is. Gives up when the process stops. Raises TownletError.
        """
        request = control_pb2.EndRoundRequest(
            report=self._everything(sys.maxsize),
            round=round,
            shard=shard,
            epoch=epoch,
            next_sequence=next_sequence,
            wait_ms=int(1e3 * WAIT_S),
        )
        while not self._stop.is_set():
            ended = call_until_answered(
                self._control.EndRound,
                request,
                peer=self._peer,
                stop=self._stop,
                timeout_s=WAIT_S + CALL_TIMEOUT_S,
                on_retry=self._note_retry,
            )
            if ended.go_on:
                with self._reporting:
                    self._episodes.clear()
                    self._stage_changes.clear()
                return ended.hold_version
        return 0

    def deliver(self, version: int, files: Sequence[FileRecord], failure: str) -> None:
        """Hand in the files of a version, or say why there are none. Raises TownletError."""
        messages = encode_files(files)
        request = control_pb2.DeliverRequest(**self._me(), version=version, files=messages, failure=failure)
        call(self._control.Deliver, request, peer=self._peer)

    def _me(self) -> dict[str, str]:
        return {"run": self._join.run, "member": self._join.member, "incarnation": self._join.incarnation}

    def _work(self) -> None:
        while not self._wait():
            self._try_to_report()
            if self._told.is_set():
                self._see_about_leaving(time.monotonic())
        try:
            self._report(leaves=True)  # what happened since the last one; nobody waits for it
        except TownletError as error:
            self._note_retry(error)

    def _wait(self) -> bool:
        """Until a report is due, which is soon when the process was told to stop; whether it stops."""
        due_s = time.monotonic() + self._period_s
        while not self._stop.wait(min(POLL_S, self._period_s)):
            if self._told.is_set() or time.monotonic() >= due_s:
                return False
        return True

    def _try_to_report(self) -> None:
        try:
            try:
                self._report()
            except UnknownMemberError:
                self._join_again()
            self._departure.hear(time.monotonic())
        except UnavailableError as error:
            self._note_retry(error)

    def _see_about_leaving(self, now_s: float) -> None:
        self.leaving = self._departure.is_due(now_s, let_go=self.leaving)
        # Of a round that does not end nothing counts; what was pushed in async is waited for.
        if self.leaving and (self._in_rounds or self._departure.is_over(now_s)):
            self._stop.set()

    def _join_again(self) -> None:
        self._join.again = True
        if self.join().start_over:
            raise StartOverError("the run was taken back to a version while this member lived")

    def _report(self, *, leaves: bool = False) -> None:
        with self._reporting:
            self._report_once(leaves)

    def _report_once(self, leaves: bool) -> None:
        report = self._alive() if self._in_rounds else self._everything(MOST_PER_REPORT)
        report.leaves, report.stopping = leaves, self._told.is_set()
        response = call(self._control.Report, report, peer=self._peer)
        self.hold_version, self.leaving = response.hold_version, self.leaving or response.leave
        self._period_s = max(self._own_period_s, 1e-3 * response.report_after_ms)
        stand_on(response.newest_version)
        while self._episodes and self._episodes[0].number < response.next_episode:
            self._episodes.popleft()
        while self._stage_changes and self._stage_changes[0].number < response.next_stage_change:
            self._stage_changes.popleft()
        for _ in report.evaluations:
            self._evaluations.popleft()
        self._acknowledge()

    def _acknowledge(self) -> None:
        """Without waiting: a relay that is away holds up no report, and is told the next time."""
        if self._acknowledging is None or self._acknowledging.done():
            applied = policy_pb2.AcknowledgeRequest(
                run=self._join.run, versions={self._join.member: self.policy_version}
            )
            self._acknowledging = self._policies.Acknowledge.future(applied, timeout=CALL_TIMEOUT_S)

    def _alive(self) -> control_pb2.ReportRequest:
        """Only that we are there."""
        return control_pb2.ReportRequest(
            run=self._join.run, member=self._join.member, incarnation=self._join.incarnation
        )

    def _everything(self, most: int) -> control_pb2.ReportRequest:
        """All counters, and the episodes and changes of stage that are not acknowledged yet, `most` of each."""
        return control_pb2.ReportRequest(
            run=self._join.run,
            member=self._join.member,
            incarnation=self._join.incarnation,
            environment_steps=self.environment_steps,
            episodes=_oldest(self._episodes, most),
            evaluations=list(self._evaluations),
            dropped_episodes=self.dropped_episodes,
            lanes_at_stage=self.lanes_at_stage,
            starting=self.starting,
            stage_changes=_oldest(self._stage_changes, most),
        )

    def _note_retry(self, error: TownletError) -> None:
        log.info("report_retried", reason=str(error))


def _oldest(entries: deque[Entry], most: int) -> list[Entry]:
    """By their places, since another thread may add to the end."""
    return [entries[at] for at in range(min(len(entries), most))]
