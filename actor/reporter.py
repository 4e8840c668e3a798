"""Tells the learner what this member has done, in the background."""

import threading
import uuid
from collections import deque
from collections.abc import Sequence

import structlog

from protos import control_pb2, control_pb2_grpc, policy_pb2, policy_pb2_grpc
from protos.version_pb2 import VersionFile
from townlet.checkpoint.manifest import FileRecord
from townlet.curriculum.interface import StageChange
from townlet.errors import TownletError, UnavailableError, UnknownMemberError
from townlet.rpc import CALL_TIMEOUT_S, WAIT_S, call, call_until_answered, open_channel
from townlet.worker import Worker

log = structlog.get_logger()

EPISODES_PER_REPORT = 10_000
STAGE_CHANGES_PER_REPORT = 1_000


class Reporter:
    """Joins the run, then reports every `period_s`, and joins again when the learner has restarted.

    Counters are totals of this incarnation, and episodes and changes of stage are numbered, so that every report may be
    repeated.
    hold_version: for which the actor shall stand still; 0 for none.
    lanes_at_stage: how many lanes are at each stage of the curriculum now; empty where it is static.
    """

    def __init__(self, address: str, join: control_pb2.JoinRequest, period_s: float, stop: threading.Event) -> None:
        self.environment_steps = 0
        self.dropped_episodes = 0
        self.policy_version = 0
        self.lanes_at_stage: list[int] = []
        self.hold_version = 0
        self._peer = f"learner at {address}"
        self._join = join
        self._join.incarnation = uuid.uuid4().hex
        self._period_s = period_s
        self._stop = stop
        self._channel = open_channel(address)
        self._control = control_pb2_grpc.ControlServiceStub(self._channel)
        self._policies = policy_pb2_grpc.PolicyServiceStub(self._channel)
        self._episodes: deque[control_pb2.EpisodeSummary] = deque()
        self._finished_episodes = 0
        self._stage_changes: deque[control_pb2.StageChange] = deque()
        self._changed_stages = 0
        self._evaluations: deque[control_pb2.Evaluation] = deque()
        self._reporting = threading.Lock()
        self._worker = Worker("report", self._work, stop)

    def join(self) -> control_pb2.JoinResponse:
        """Become a member of the run, waiting for the learner."""
        return call_until_answered(
            self._control.Join, self._join, peer=self._peer, stop=self._stop, on_retry=self._note_retry
        )

    def __enter__(self) -> "Reporter":
        self._worker.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._worker.__exit__(*exception)  # type: ignore[arg-type]  # the interpreter's three
        self._channel.close()

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

    def hold(self, version: int) -> bool:
        """Tell all, then stand still for a version until it is cut; whether its files are wanted.

        Gives up when the process stops. Raises TownletError.
        """
        self._report()
        request = control_pb2.HoldRequest(**self._me(), version=version, wait_ms=int(1e3 * WAIT_S))
        while not self._stop.is_set():
            held = call(self._control.Hold, request, peer=self._peer, timeout_s=WAIT_S + CALL_TIMEOUT_S)
            if held.go_on:
                return held.deliver
        return False

    def deliver(self, version: int, files: Sequence[FileRecord], failure: str) -> None:
        """Hand in the files of a version, or say why there are none. Raises TownletError."""
        records = [VersionFile(**record.model_dump()) for record in files]
        request = control_pb2.DeliverRequest(**self._me(), version=version, files=records, failure=failure)
        call(self._control.Deliver, request, peer=self._peer)

    def _me(self) -> dict[str, str]:
        return {"run": self._join.run, "member": self._join.member, "incarnation": self._join.incarnation}

    def _work(self) -> None:
        while not self._stop.wait(self._period_s):
            try:
                self._report()
            except UnknownMemberError:
                self.join()
            except UnavailableError as error:
                self._note_retry(error)
        try:
            self._report()  # what happened since the last one; nobody waits for it
        except TownletError as error:
            self._note_retry(error)

    def _report(self) -> None:
        with self._reporting:
            self._report_once()

    def _report_once(self) -> None:
        report = control_pb2.ReportRequest(
            **self._me(),
            environment_steps=self.environment_steps,
            episodes=[self._episodes[at] for at in range(min(len(self._episodes), EPISODES_PER_REPORT))],
            evaluations=list(self._evaluations),
            dropped_episodes=self.dropped_episodes,
            lanes_at_stage=self.lanes_at_stage,
            stage_changes=[
                self._stage_changes[at] for at in range(min(len(self._stage_changes), STAGE_CHANGES_PER_REPORT))
            ],
        )
        response = call(self._control.Report, report, peer=self._peer)
        self.hold_version = response.hold_version
        while self._episodes and self._episodes[0].number < response.next_episode:
            self._episodes.popleft()
        while self._stage_changes and self._stage_changes[0].number < response.next_stage_change:
            self._stage_changes.popleft()
        for _ in report.evaluations:
            self._evaluations.popleft()
        applied = policy_pb2.AcknowledgeRequest(
            run=self._join.run, member=self._join.member, version=self.policy_version
        )
        call(self._policies.Acknowledge, applied, peer=self._peer)

    def _note_retry(self, error: TownletError) -> None:
        log.info("report_retried", reason=str(error))
