"""Good requests to every RPC, from which hostile ones are made, and what must be so before each RPC's turn."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from chaos.hostile.messages import Good
from chaos.hostile.services import Services
from protos import (
    admin_pb2,
    admin_pb2_grpc,
    control_pb2,
    control_pb2_grpc,
    policy_pb2,
    replay_pb2,
    replay_pb2_grpc,
    version_pb2,
)
from townlet.admin.keys import SETTABLE
from townlet.rpc import call, open_channel

ACTOR, INCARNATION = "actor-0", "first"
STEPS = 3
HEX = "0" * 64
VERSION_LIMIT_S = 60.0


class Requests:
    """Of one pair of services. Use `prepare` before each RPC's turn."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._run = services.config.run.name
        self._digest = services.layout.digest
        self._stride = services.layout.stride
        self._in_rounds = services.config.schedule.kind == "lockstep"
        self._epoch = 1

    def prepare(self) -> None:
        """A producer with episodes, a version, an actor that has joined, no pause, a limiter that lets everybody in."""
        with open_channel(self._services.shard.address, None) as channel:
            shard = replay_pb2_grpc.ReplayServiceStub(channel)
            layout = replay_pb2.Layout(stride=self._stride, digest=self._digest)
            opening = replay_pb2.OpenProducerRequest(run=self._run, layout=layout, actor=ACTOR)
            self._epoch = call(shard.OpenProducer, opening, peer="the shard").epoch
            if not self._in_rounds:
                call(shard.SetLimiter, replay_pb2.SetLimiterRequest(run=self._run, tolerance=1.0), peer="the shard")
                call(shard.Append, self._append(), peer="the shard")
        with open_channel(self._services.learner.address, None) as channel:
            admin = admin_pb2_grpc.AdminServiceStub(channel)
            if not self._in_rounds and not call(admin.Status, admin_pb2.StatusRequest(), peer="it").newest_version:
                list(admin.Checkpoint(admin_pb2.CheckpointRequest(), timeout=VERSION_LIMIT_S))
            call(control_pb2_grpc.ControlServiceStub(channel).Join, self._join(), peer="the learner")
            call(admin.Resume, admin_pb2.ResumeRequest(), peer="the learner")

    def pulse(self) -> None:
        """Both of them answer. Raises TownletError."""
        with open_channel(self._services.shard.address, None) as channel:
            call(replay_pb2_grpc.ReplayServiceStub(channel).Stats, replay_pb2.StatsRequest(), peer="the shard")
        with open_channel(self._services.learner.address, None) as channel:
            call(admin_pb2_grpc.AdminServiceStub(channel).Status, admin_pb2.StatusRequest(), peer="the learner")

    @property
    def good(self) -> Good:
        """Values by the names of fields."""
        keys = np.arange(4, dtype="<u8").tobytes()
        return {
            "run": (self._run,),
            "layout_digest": (self._digest,),
            "digest": (self._digest,),
            "config_digest": (self._services.config.digest(),),
            "stride": (self._stride,),
            "actor": (ACTOR,),
            "member": (ACTOR, "evaluator"),
            "incarnation": (INCARNATION,),
            "epoch": (self._epoch,),
            "version": (1, 2, 3, 99),
            "round": (0, 1, 2) if self._in_rounds else (0,),
            "turn": (0, 1, 2) if self._in_rounds else (0,),
            "sequence": (0, 1, 2),
            "records": (bytes((STEPS + 1) * self._stride), bytes(2 * self._stride), bytes(self._stride)),
            "wait_ms": (0, 1),
            "before": (0, 1),
            "after": (1, 2),
            "windows": (0, 1, 8),
            "first": (0,),
            "steps": (1,),
            "offset": (0,),
            "size": (1, self._stride),
            "keys": (keys, keys[:8]),
            "priorities": (np.ones(4, "<f4").tobytes(), np.array([np.nan], "<f4").tobytes()),
            "lanes": (1,),
            "key": SETTABLE,
            "value": ("1e-3", "null", "nan", "-1", "1e400", "0.5", "", "[]", "true", "!!python/object:os.system {}"),
            "shard": (0,),
            "component": (ACTOR,),
            "path": ("000001/a", "../a"),
            "sha256": (HEX,),
        }

    def examples(self, kind: Any) -> Sequence[Message]:
        """Good requests of one kind; an empty one where that is all there is to say."""
        typical = [message for message in self._typical() if message.DESCRIPTOR.full_name == kind.full_name]
        return typical or [GetMessageClass(kind)()]

    def _typical(self) -> list[Message]:
        run: dict[str, Any] = {"run": self._run}
        member: dict[str, Any] = {**run, "member": ACTOR, "incarnation": INCARNATION}
        report = self._report(member)
        file = version_pb2.VersionFile(path="000001/actor-0.json", size=1, sha256=HEX, component=ACTOR)
        return [
            replay_pb2.OpenProducerRequest(
                **run, layout=replay_pb2.Layout(stride=self._stride, digest=self._digest), actor=ACTOR
            ),
            self._append(),
            self._sample(),
            replay_pb2.CommitRoundRequest(
                **run, round=1, pushed=[replay_pb2.Pushed(actor=ACTOR, epoch=self._epoch, next_sequence=0)]
            ),
            replay_pb2.SetLimiterRequest(**run, samples_per_insert=1.0, tolerance=100.0),
            replay_pb2.AnnounceVersionRequest(**run, version=1),
            replay_pb2.CutVersionRequest(**run, version=1),
            replay_pb2.AwaitVersionRequest(**run, version=1),
            replay_pb2.EndVersionRequest(**run, version=1, committed=True),
            replay_pb2.TakeUpVersionRequest(**run, version=1),
            policy_pb2.SubscribeRequest(**run, member=ACTOR, weights=policy_pb2.WEIGHTS_ONLINE),
            policy_pb2.AcknowledgeRequest(**run, versions={ACTOR: 1}),
            self._join(),
            report,
            control_pb2.HoldRequest(**member, version=1),
            control_pb2.EndRoundRequest(report=report, round=0, epoch=self._epoch),
            control_pb2.DeliverRequest(**member, version=1, files=[file]),
            admin_pb2.WatchRequest(period_ms=1),
            *(kind(version=1) for kind in _OF_A_VERSION),
            admin_pb2.BranchVersionRequest(version=1, run="branch"),
            admin_pb2.SetRequest(key="learner.learning_rate", value="1e-3"),
            admin_pb2.DrainRequest(actor=ACTOR),
            health_pb2.HealthCheckRequest(service="townlet.v1.AdminService"),
            reflection_pb2.ServerReflectionRequest(host="x", file_containing_symbol="townlet.v1.Member"),
        ]

    def _append(self) -> replay_pb2.AppendRequest:
        episodes = [replay_pb2.Episode(sequence=at, records=bytes((STEPS + 1) * self._stride)) for at in range(2)]
        return replay_pb2.AppendRequest(
            run=self._run,
            layout_digest=self._digest,
            actor=ACTOR,
            epoch=self._epoch,
            episodes=episodes,
            round=int(self._in_rounds),
        )

    def _sample(self) -> replay_pb2.SampleRequest:
        return replay_pb2.SampleRequest(
            run=self._run,
            layout_digest=self._digest,
            window=replay_pb2.Window(before=1, after=2),
            slices=[replay_pb2.Slice(first=1, steps=1, size=self._stride)],
            windows=4,
            priorities=replay_pb2.PriorityUpdate(
                keys=np.arange(2, dtype="<u8").tobytes(), priorities=np.ones(2, "<f4").tobytes()
            ),
            turn=int(self._in_rounds),
        )

    def _join(self) -> control_pb2.JoinRequest:
        return control_pb2.JoinRequest(
            run=self._run,
            member=ACTOR,
            role=control_pb2.ROLE_ACTOR,
            config_digest=self._services.config.digest(),
            layout_digest=self._digest,
            lanes=1,
            incarnation=INCARNATION,
        )

    def _report(self, member: dict[str, Any]) -> control_pb2.ReportRequest:
        return control_pb2.ReportRequest(
            **member,
            environment_steps=10,
            episodes=[control_pb2.EpisodeSummary(number=0, steps=10, extrinsic_return=1.0, terminated=True)],
            evaluations=[control_pb2.Evaluation(policy_version=1, updates=1, episodes=1, habits={"Bed": 1.0})],
            lanes_at_stage=[1],
            stage_changes=[control_pb2.StageChange(number=0, to_stage=1, reason="better", figures={"survival": 1.0})],
        )


_OF_A_VERSION = (
    admin_pb2.ShowVersionRequest,
    admin_pb2.VerifyVersionRequest,
    admin_pb2.PinVersionRequest,
    admin_pb2.UnpinVersionRequest,
    admin_pb2.DeleteVersionRequest,
    admin_pb2.RestoreVersionRequest,
)
