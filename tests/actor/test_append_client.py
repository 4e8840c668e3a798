"""How an actor's episodes reach a shard: in order, exactly once, several groups at a time."""

import asyncio
import threading
import time

import pytest

from actor import append_client
from actor.append_client import GROUPS_IN_FLIGHT, AppendClient
from protos import replay_pb2 as pb
from protos import replay_pb2_grpc
from replay_service.procession import Procession
from townlet.errors import SequenceError, StartOverError, UnavailableError
from townlet.records import RecordLayout
from townlet.rpc import LoopThread, Server
from townlet.specs import EnvironmentSpec, FieldSpec

LAYOUT = RecordLayout.of(EnvironmentSpec((FieldSpec("seen", "uint8", (1,)),), actions=2, step_cap=9))


class Shard(replay_pb2_grpc.ReplayServiceServicer):
    """Stores what comes, in order. before: a coroutine function of each request, before that; it may raise."""

    def __init__(self, before=None):
        self.stored = []
        self.requests = []
        self._before = before
        self._procession = Procession()

    async def OpenProducer(self, request, context):
        return pb.OpenProducerResponse(epoch=1)

    async def Append(self, request, context):
        await self._turn(request)
        self.requests.append(request)
        if self._before and (answer := await self._before(request)):
            return answer
        for episode in request.episodes:
            if episode.sequence > len(self.stored):
                raise SequenceError(f"expected sequence number {len(self.stored)}, found {episode.sequence}")
            if episode.sequence == len(self.stored):
                self.stored.append(episode.records)
        return pb.AppendResponse(next_sequence=len(self.stored))

    async def _turn(self, request):
        """Several that are on their way may come in any order."""
        actor, epoch, first = request.actor, request.epoch, request.episodes[0].sequence
        async with self._procession.turn(actor, epoch, len(self.stored), first, time.monotonic() + 30):
            for episode in request.episodes:
                self._procession.passed(actor, epoch, episode.sequence)


@pytest.fixture
def client_of(monkeypatch):
    """Makes a client of a shard, one episode a group, inside a server that lives as long as the test."""
    monkeypatch.setattr(append_client, "GROUP_LIMIT_BYTES", 1)
    with LoopThread("server") as loop:
        servers = []

        def make(shard, stop=None):
            async def start():
                server = Server(None)
                replay_pb2_grpc.add_ReplayServiceServicer_to_server(shard, server.grpc_server)
                await server.start("127.0.0.1:0", ())
                return server

            servers.append(loop.run(start()))
            stop = stop or threading.Event()
            return AppendClient(f"127.0.0.1:{servers[-1].port}", "r", "actor-0", LAYOUT, 10_000, stop, None)

        yield make
        for server in servers:
            loop.run(server.stop(0.0))


def episodes(count):
    return [bytes([number]) * 10 for number in range(count)]


def append_all(client, count):
    for records in episodes(count):
        client.append(records)


def test_while_one_group_is_made_durable_the_next_ones_are_on_their_way(client_of):
    all_there = asyncio.Event()

    async def wait_for_the_others(request):
        if len(shard.requests) == GROUPS_IN_FLIGHT:
            all_there.set()
        await asyncio.wait_for(all_there.wait(), 30)

    shard = Shard(wait_for_the_others)
    with client_of(shard) as client:
        append_all(client, 3 * GROUPS_IN_FLIGHT)
        client.flush()
        assert client.next_sequence == 3 * GROUPS_IN_FLIGHT
        assert client.pending_bytes == 0
    assert shard.stored == episodes(3 * GROUPS_IN_FLIGHT)
    assert len(shard.requests) == 3 * GROUPS_IN_FLIGHT


def test_groups_that_overtook_one_that_failed_are_stored_after_it(client_of):
    failed = []

    async def fail_the_second_once(request):
        if request.episodes[0].sequence == 1 and not failed:
            failed.append(request)
            raise UnavailableError("just a moment")

    shard = Shard(fail_the_second_once)
    with client_of(shard) as client:
        append_all(client, 6)
        client.flush()
    assert failed
    assert shard.stored == episodes(6)


def test_what_the_limiter_did_not_let_through_is_sent_again(client_of, monkeypatch):
    monkeypatch.setattr(append_client, "GROUP_LIMIT_BYTES", 30)
    held = []

    async def take_one_of_the_first(request):
        if not held and len(request.episodes) > 1:
            held.append(request)
            first = request.episodes[0]
            shard.stored.append(first.records)
            return pb.AppendResponse(next_sequence=first.sequence + 1, blocked_by="inserts wait for samples")
        return None

    shard = Shard(take_one_of_the_first)
    with client_of(shard) as client:
        append_all(client, 9)
        client.flush()
        assert client.next_sequence == 9
    assert held
    assert shard.stored == episodes(9)


def test_a_shard_that_knows_less_than_it_has_acknowledged_was_taken_back(client_of):
    shard = Shard()

    def append_before_and_after() -> None:
        with client_of(shard) as client:
            append_all(client, 2)
            client.flush()
            shard.stored.clear()
            append_all(client, 2)
            client.flush()

    with pytest.raises(StartOverError, match="taken back to a version"):
        append_before_and_after()


def test_what_is_not_acknowledged_when_the_process_stops_does_not_count(client_of):
    async def first_only(request):
        if request.episodes[0].sequence > 0:
            await asyncio.sleep(60)

    stop, shard = threading.Event(), Shard(first_only)
    with client_of(shard, stop) as client:
        append_all(client, 3)
        while client.next_sequence < 1:
            time.sleep(0.01)
        stop.set()
        client.flush()
    assert client.next_sequence == 1
    assert client.pending_bytes == 20


def test_a_group_of_which_nothing_was_let_through_is_sent_again_whole(client_of, monkeypatch):
    """Its answer says what had been stored before it."""
    monkeypatch.setattr(append_client, "GROUP_LIMIT_BYTES", 60)
    second_came, held = asyncio.Event(), []

    async def hold_back_the_second_once(request):
        if request.episodes[0].sequence == 0:
            await asyncio.wait_for(second_came.wait(), 30)
        elif not held:
            held.append(len(request.episodes))
            second_came.set()
            return pb.AppendResponse(next_sequence=0, blocked_by="inserts wait for samples")
        return None

    shard = Shard(hold_back_the_second_once)
    client = client_of(shard)
    client.append(bytes(70))
    append_all(client, 6)
    with client:
        client.flush()
    assert held == [6]
    assert shard.stored == [bytes(70), *episodes(6)]
