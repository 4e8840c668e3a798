"""Spans, once they are asked for; else nothing."""

import subprocess
import sys
import threading
import time

import pytest
from trace_collector import TraceCollector

from protos import replay_pb2 as pb
from protos import replay_pb2_grpc
from townlet.errors import ConfigError, MismatchError
from townlet.rpc import LoopThread, Server, call, open_channel
from townlet.tracing import begin, carried, interceptors, span, traced, tracing
from townlet.tracing_settings import TracingSettings


class Answers(replay_pb2_grpc.ReplayServiceServicer):
    """One call that answers, and one that does not."""

    async def Stats(self, request, context):
        with span("inside"):
            return pb.StatsResponse()

    async def Append(self, request, context):
        raise MismatchError("not ours")


async def serve() -> Server:
    server = Server(None, interceptors=interceptors())
    replay_pb2_grpc.add_ReplayServiceServicer_to_server(Answers(), server.grpc_server)
    await server.start("127.0.0.1:0", ("townlet.v1.ReplayService",))
    return server


def test_without_tracing_nothing_is_imported_carried_or_wrapped():
    program = (
        "import sys, actor.compose, learner.compose, replay_service.__main__\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry.exporter')]"  # redis-py has the API
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    assert carried() is None
    assert interceptors() == ()
    assert traced("work", len) is len
    with span("nothing"), begin("nothing").within():
        begin("nothing").end()
    with tracing(TracingSettings(), "m", "r"):
        assert carried() is None


def test_packages_that_are_missing_are_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "townlet.tracing.opentelemetry", None)
    settings = TracingSettings(endpoint="http://127.0.0.1:1")
    with pytest.raises(ConfigError, match=r"tracing.endpoint: expected null, or the packages of townlet\[tracing\]"):
        tracing(settings, "m", "r").__enter__()


def test_a_call_is_a_part_of_the_span_in_which_it_was_made():
    with TraceCollector() as collector:
        with tracing(TracingSettings(endpoint=collector.endpoint), "m", "r"), LoopThread("test") as loop:
            server = loop.run(serve())
            with open_channel(f"127.0.0.1:{server.port}", None) as channel:
                stub = replay_pb2_grpc.ReplayServiceStub(channel)
                with span("caller", episodes=3):
                    call(stub.Stats, pb.StatsRequest(), peer="the test")
                    with pytest.raises(MismatchError):
                        call(stub.Append, pb.AppendRequest(), peer="the test")
                assert traced("work", len)([1, 2]) == 2
                late = begin("late")
                with late.within():
                    call(stub.Stats, pb.StatsRequest(), peer="the test")
                late.end()
            loop.run(server.stop())
        assert carried() is None
        (caller,) = collector.named("m", "caller")
        assert [(each.key, each.value.int_value) for each in caller.attributes] == [("episodes", 3)]
        assert len(collector.parts("caller", ("m", "ReplayService/Stats"))) == 1
        assert len(collector.parts("late", ("m", "ReplayService/Stats"))) == 1
        assert len(collector.parts("ReplayService/Stats", ("m", "inside"))) == 2
        assert len(collector.named("m", "work")) == 1
        (refused,) = collector.parts("caller", ("m", "ReplayService/Append"))
        assert refused.status.code == 2


def test_a_collector_that_is_away_holds_nobody_up():
    threads = threading.active_count()
    began_s = time.monotonic()
    with tracing(TracingSettings(endpoint="http://127.0.0.1:1"), "m", "r"):
        for _ in range(100):
            with span("lost"):
                pass
    assert time.monotonic() - began_s < 60  # it would try for ever
    assert threading.active_count() <= threads + 2
