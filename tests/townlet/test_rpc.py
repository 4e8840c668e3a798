"""Errors keep their kind across a call; what is worth a retry is repeated, and nothing else."""

import asyncio
import gc
import threading

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from papers import Papers

from protos import admin_pb2, control_pb2, policy_pb2, replay_pb2, replay_pb2_grpc
from townlet.errors import (
    ConfigError,
    FencedError,
    ForbiddenError,
    InvalidRequestError,
    MismatchError,
    RefusedError,
    SequenceError,
    TownletError,
    UnauthenticatedError,
    UnavailableError,
    UnknownMemberError,
)
from townlet.roles import NEEDS
from townlet.rpc import LoopThread, Server, call, call_until_answered, open_channel, start_call
from townlet.tokens import Tokens


class Answers(replay_pb2_grpc.ReplayServiceServicer):
    """Raises what it is given, or answers."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.calls = 0
        self.away = 0

    async def Stats(self, request, context):
        self.calls += 1
        if self.calls <= self.away:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "away")
        if self.error is not None:
            raise self.error
        return replay_pb2.StatsResponse(run="answered")


@pytest.fixture
def served():
    answers = Answers()
    with LoopThread("test") as loop:

        async def start() -> Server:
            server = Server(None)
            replay_pb2_grpc.add_ReplayServiceServicer_to_server(answers, server.grpc_server)
            await server.start("127.0.0.1:0", ("townlet.v1.ReplayService",))
            return server

        server = loop.run(start())
        with open_channel(f"127.0.0.1:{server.port}", None) as channel:
            yield answers, replay_pb2_grpc.ReplayServiceStub(channel), channel
        loop.run(server.stop())


def test_what_was_refused_arrives_with_its_reason(served):
    answers, stub, _ = served
    answers.error = RefusedError("not as things stand")
    with pytest.raises(TownletError, match=r"^not as things stand$"):
        call(stub.Stats, replay_pb2.StatsRequest(), peer="shard")


def test_a_call_that_failed_is_held_by_nobody_afterwards(served):
    """Its error would keep it, and it the error, with all that it was to bring, until the garbage collector comes."""
    answers, stub, _ = served
    answers.error = RefusedError("not as things stand")

    def held() -> int:
        return sum(issubclass(type(each), grpc.RpcError) for each in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = held()
        with pytest.raises(TownletError):
            call(stub.Stats, replay_pb2.StatsRequest(), peer="shard")
        assert held() == before
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "error", [FencedError, InvalidRequestError, MismatchError, SequenceError, UnknownMemberError], ids=str
)
def test_an_error_arrives_as_what_it_was(served, error):
    answers, stub, _ = served
    answers.error = error("what, where, expected and found")
    with pytest.raises(error, match="what, where, expected and found"):
        call(stub.Stats, replay_pb2.StatsRequest(), peer="the test")
    assert answers.calls == 1


def test_a_bug_of_the_server_is_no_domain_error_and_is_not_repeated(served):
    answers, stub, _ = served
    answers.error = ZeroDivisionError()
    with pytest.raises(TownletError, match="the test failed with UNKNOWN") as caught:
        call_until_answered(stub.Stats, replay_pb2.StatsRequest(), peer="the test", stop=threading.Event())
    assert type(caught.value) is TownletError
    assert answers.calls == 1


@pytest.mark.parametrize(
    ("path", "streams"),
    [
        ("/townlet.v1.ReplayService/Stats", "unary_unary"),
        ("/grpc.health.v1.Health/Check", "unary_unary"),
        ("/grpc.health.v1.Health/Watch", "unary_stream"),
        ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "stream_stream"),
    ],
)
def test_bytes_that_are_no_message_are_a_fault_of_the_caller(served, path, streams):
    _, _, channel = served
    method = getattr(channel, streams)(path)
    message = iter([b"\xff"]) if streams == "stream_stream" else b"\xff"
    with pytest.raises(grpc.RpcError) as caught:
        list(method(message, timeout=10))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "expected a message" in caught.value.details()


def test_an_error_that_quotes_a_megabyte_arrives_as_what_it_is(served):
    answers, stub, _ = served
    answers.error = InvalidRequestError("no such name: " + "x" * 2**20)
    with pytest.raises(InvalidRequestError, match="no such name: xxx"):
        call(stub.Stats, replay_pb2.StatsRequest(), peer="the test")


def test_health_can_be_watched(served):
    _, _, channel = served
    watched = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=10)
    assert next(iter(watched)).status == health_pb2.HealthCheckResponse.NOT_SERVING
    watched.cancel()


def test_a_peer_that_is_away_is_called_until_it_answers(served):
    answers, stub, _ = served
    answers.away = 3
    tries: list[TownletError] = []
    response = call_until_answered(
        stub.Stats, replay_pb2.StatsRequest(), peer="the test", stop=threading.Event(), on_retry=tries.append
    )
    assert response.run == "answered"
    assert [type(error) for error in tries] == [UnavailableError] * 3


def test_a_stop_ends_the_retries():
    stop = threading.Event()
    stop.set()
    with open_channel("127.0.0.1:1", None) as channel:
        stub = replay_pb2_grpc.ReplayServiceStub(channel)
        with pytest.raises(UnavailableError, match="the test does not answer"):
            call_until_answered(stub.Stats, replay_pb2.StatsRequest(), peer="the test", stop=stop)


def test_a_port_in_use_is_one_sentence(served):
    async def second() -> None:
        first, server = Server(None), Server(None)
        await first.start("127.0.0.1:0", ())
        try:
            with pytest.raises(
                UnavailableError, match=f"cannot listen on 127.0.0.1:{first.port}: expected a free port"
            ):
                await server.start(f"127.0.0.1:{first.port}", ())
        finally:
            await first.stop()

    asyncio.run(second())


def test_messages_have_a_limit(served):
    _, stub, _ = served
    huge = replay_pb2.AppendRequest(episodes=[replay_pb2.Episode(records=bytes(65 * 2**20))])
    with pytest.raises(grpc.RpcError) as caught:
        stub.Append(huge, timeout=20)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.fixture
def start_server():
    """Starts a server, and says what it logged."""

    async def attempt(address: str, tls, tokens) -> None:
        server = Server(tls, tokens)
        await server.start(address, ())
        await server.stop()

    return lambda address, tls=None, tokens=None: asyncio.run(attempt(address, tls, tokens))


def test_a_server_that_the_network_can_reach_in_the_clear_says_what_that_risks(start_server, tmp_path, capsys):
    papers = Papers(tmp_path)
    start_server("127.0.0.1:0")
    start_server("localhost:0")
    start_server("0.0.0.0:0", papers.tls("member"))
    assert "open_to_the_network" not in capsys.readouterr().out
    start_server("0.0.0.0:0")
    assert "whoever reaches this port can read, change and stop the run" in capsys.readouterr().out


def test_tokens_never_cross_a_network_in_the_clear(start_server, tmp_path):
    papers = Papers(tmp_path)
    tokens = Tokens(papers.tokens_file)
    start_server("127.0.0.1:0", None, tokens)
    start_server("0.0.0.0:0", papers.tls("member"), tokens)
    with pytest.raises(ConfigError, match=r"^security.tokens: expected security.tls beside them, since other machines"):
        start_server("0.0.0.0:0", None, tokens)


@pytest.mark.parametrize("error", [UnauthenticatedError, ForbiddenError])
def test_a_refusal_arrives_as_what_it_was_and_is_not_repeated(served, error):
    answers, stub, _ = served
    answers.error = error("who and why")
    with pytest.raises(error, match=r"^who and why$"):
        call_until_answered(stub.Stats, replay_pb2.StatsRequest(), peer="the test", stop=threading.Event())
    assert answers.calls == 1


def test_an_rpc_that_nobody_has_thought_of_is_refused(served, monkeypatch):
    answers, stub, _ = served
    monkeypatch.delitem(NEEDS, "/townlet.v1.ReplayService/Stats")
    with pytest.raises(ForbiddenError, match=r"Stats: expected an rpc that stands in townlet/roles\.py"):
        call(stub.Stats, replay_pb2.StatsRequest(), peer="the test")
    assert answers.calls == 0


def test_every_rpc_of_the_protos_stands_in_the_table():
    files = (admin_pb2, control_pb2, policy_pb2, replay_pb2)
    services = [service for file in files for service in file.DESCRIPTOR.services_by_name.values()]
    rpcs = {f"/{service.full_name}/{method.name}" for service in services for method in service.methods}
    assert rpcs == {rpc for rpc in NEEDS if rpc.startswith("/townlet.")}


def test_a_server_that_has_enough_to_do_is_called_again(monkeypatch):
    monkeypatch.setattr("townlet.rpc.CALLS_AT_ONCE", 1)
    begun, release, tries = threading.Event(), asyncio.Event(), []

    class Slow(replay_pb2_grpc.ReplayServiceServicer):
        async def Stats(self, request, context):
            begun.set()
            await release.wait()
            return replay_pb2.StatsResponse(run="answered")

    with LoopThread("test") as loop:

        async def start() -> Server:
            server = Server(None)
            replay_pb2_grpc.add_ReplayServiceServicer_to_server(Slow(), server.grpc_server)
            await server.start("127.0.0.1:0", ())
            return server

        def note(error: TownletError) -> None:
            tries.append(type(error))
            loop.soon(release.set)

        server, request = loop.run(start()), replay_pb2.StatsRequest()
        with open_channel(f"127.0.0.1:{server.port}", None) as channel:
            stub = replay_pb2_grpc.ReplayServiceStub(channel)
            first = start_call(stub.Stats, request, peer="the test", timeout_s=60)
            assert begun.wait(60)
            second = call_until_answered(
                stub.Stats, request, peer="the test", stop=threading.Event(), timeout_s=60, on_retry=note
            )
            assert (first().run, second.run) == ("answered", "answered")
        loop.run(server.stop())
    assert set(tries) == {UnavailableError}


def test_a_connection_that_was_closed_meanwhile_is_one_that_does_not_answer(served):
    _, stub, channel = served
    channel.close()
    with pytest.raises(UnavailableError, match="the connection has been closed"):
        call(stub.Stats, replay_pb2.StatsRequest(), peer="the test")
