"""Calls are counted by method and status, and timed."""

import pytest
from grpc import RpcError, StatusCode
from prometheus_client import CollectorRegistry

from protos import replay_pb2 as pb
from protos import replay_pb2_grpc
from townlet.errors import MismatchError
from townlet.metrics.calls import CallMetrics
from townlet.rpc import LoopThread, Server, open_channel


class Answers(replay_pb2_grpc.ReplayServiceServicer):
    """One call for each way to end."""

    async def Stats(self, request, context):
        return pb.StatsResponse()

    async def Append(self, request, context):
        raise MismatchError("not ours")

    async def Sample(self, request, context):
        raise ZeroDivisionError


@pytest.fixture
def called():
    """A registry, and a stub whose calls it counts."""
    registry = CollectorRegistry()

    async def serve() -> Server:
        server = Server(None, interceptors=[CallMetrics(registry)])
        replay_pb2_grpc.add_ReplayServiceServicer_to_server(Answers(), server.grpc_server)
        await server.start("127.0.0.1:0", ("townlet.v1.ReplayService",))
        return server

    with LoopThread("test") as loop:
        server = loop.run(serve())
        with open_channel(f"127.0.0.1:{server.port}", None) as channel:
            yield registry, replay_pb2_grpc.ReplayServiceStub(channel)
        loop.run(server.stop())


def test_each_call_counts_under_the_status_that_its_caller_saw(called):
    registry, stub = called
    stub.Stats(pb.StatsRequest(), timeout=20)
    for call, request, status in (
        (stub.Append, pb.AppendRequest(), StatusCode.FAILED_PRECONDITION),
        (stub.Sample, pb.SampleRequest(), StatusCode.UNKNOWN),
        (stub.CutVersion, pb.CutVersionRequest(), StatusCode.UNIMPLEMENTED),
    ):
        with pytest.raises(RpcError) as refused:
            call(request, timeout=20)
        assert refused.value.code() is status

    def handled(method: str, code: str) -> float | None:
        labels = {"method": f"ReplayService/{method}", "code": code}
        return registry.get_sample_value("townlet_rpc_handled_total", labels)

    assert handled("Stats", "OK") == 1
    assert handled("Append", "FAILED_PRECONDITION") == 1
    assert handled("Sample", "UNKNOWN") == 1
    assert handled("CutVersion", "UNIMPLEMENTED") == 1
    assert registry.get_sample_value("townlet_rpc_seconds_count", {"method": "ReplayService/Append"}) == 1


def test_what_is_no_method_leaves_no_label(called):
    registry, stub = called
    del stub
    labels = [sample.labels for metric in registry.collect() for sample in metric.samples]
    assert labels == []
