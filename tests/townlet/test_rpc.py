"""Errors keep their kind across a call; what is worth a retry is repeated, and nothing else."""

import asyncio
import threading

import grpc
import pytest

from protos import replay_pb2, replay_pb2_grpc
from townlet.errors import (
    FencedError,
    InvalidRequestError,
    MismatchError,
    SequenceError,
    TownletError,
    UnavailableError,
    UnknownMemberError,
)
from townlet.rpc import LoopThread, Server, call, call_until_answered, open_channel


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
            server = Server()
            replay_pb2_grpc.add_ReplayServiceServicer_to_server(answers, server.grpc_server)
            await server.start("127.0.0.1:0", ("townlet.v1.ReplayService",))
            return server

        server = loop.run(start())
        with open_channel(f"127.0.0.1:{server.port}") as channel:
            yield answers, replay_pb2_grpc.ReplayServiceStub(channel)
        loop.run(server.stop())


@pytest.mark.parametrize(
    "error", [FencedError, InvalidRequestError, MismatchError, SequenceError, UnknownMemberError], ids=str
)
def test_an_error_arrives_as_what_it_was(served, error):
    answers, stub = served
    answers.error = error("what, where, expected and found")
    with pytest.raises(error, match="what, where, expected and found"):
        call(stub.Stats, replay_pb2.StatsRequest(), peer="the test")
    assert answers.calls == 1


def test_a_bug_of_the_server_is_no_domain_error_and_is_not_repeated(served):
    answers, stub = served
    answers.error = ZeroDivisionError()
    with pytest.raises(TownletError, match="the test failed with UNKNOWN") as caught:
        call_until_answered(stub.Stats, replay_pb2.StatsRequest(), peer="the test", stop=threading.Event())
    assert type(caught.value) is TownletError
    assert answers.calls == 1


def test_a_peer_that_is_away_is_called_until_it_answers(served):
    answers, stub = served
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
    with open_channel("127.0.0.1:1") as channel:
        stub = replay_pb2_grpc.ReplayServiceStub(channel)
        with pytest.raises(UnavailableError, match="the test does not answer"):
            call_until_answered(stub.Stats, replay_pb2.StatsRequest(), peer="the test", stop=stop)


def test_a_port_in_use_is_one_sentence(served):
    async def second() -> None:
        first, server = Server(), Server()
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
    _, stub = served
    huge = replay_pb2.AppendRequest(episodes=[replay_pb2.Episode(records=bytes(65 * 2**20))])
    with pytest.raises(grpc.RpcError) as caught:
        stub.Append(huge, timeout=20)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
