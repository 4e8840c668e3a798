"""What a shard refuses it lets go of at once, not when the garbage collector happens to come by."""

import asyncio
import gc
import threading
import time

import grpc
import pytest
from shard_process import LAYOUT, RUN, ShardProcess, episode

from protos import replay_pb2 as pb
from replay_service.__main__ import serve
from replay_service.commits import Append
from replay_service.redis_access import RedisAccess
from townlet.append_call import AppendMessage, Episode
from townlet.config_file import load_config


@pytest.fixture
def shard(short_folder, redis_server, free_port):
    """A shard whose process is this one."""
    client = ShardProcess(short_folder, redis_server.url, free_port)
    stop = threading.Event()
    serving = serve(load_config(client.config), RedisAccess(redis_server.url), 0, stop)
    thread = threading.Thread(target=asyncio.run, args=(serving,))
    thread.start()
    yield client.wait_until_serving()
    client.channel.close()
    stop.set()
    thread.join()


def held() -> int:
    return sum(type(each) in (Append, AppendMessage, Episode, pb.AppendRequest) for each in gc.get_objects())


def append(shard: ShardProcess, epoch: int, first: int, *records: bytes) -> None:
    """By bytes: nothing of a client's is to be found among what is held."""
    numbered = [pb.Episode(sequence=first + at, records=each) for at, each in enumerate(records)]
    request = pb.AppendRequest(run=RUN, layout_digest=LAYOUT.digest, actor="actor-0", epoch=epoch, episodes=numbered)
    call = shard.channel.unary_unary("/townlet.v1.ReplayService/Append")
    call(request.SerializeToString(), timeout=20)


def test_a_refused_append_is_held_by_nobody_afterwards(shard):
    epoch = shard.open()
    append(shard, epoch, 0, episode(0, 5))
    gc.collect()
    gc.disable()
    try:
        for first, *records in ((7, episode(7, 5), episode(8, 5)), (1, b"no record")):  # the first leaves a gap
            with pytest.raises(grpc.RpcError, match="expected"):
                append(shard, epoch, first, *records)
            deadline = time.monotonic() + 20
            while held():  # who is refused hears of it while others' episodes are still written
                assert time.monotonic() < deadline
                time.sleep(0.02)
    finally:
        gc.enable()
