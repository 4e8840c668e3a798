"""What was written into a connection that hung arrives once the network is back: after what was written since."""

import asyncio
import time

import pytest
from fault_proxy import FaultProxy

from replay_service.producers import Producer
from replay_service.redis_access import RedisAccess
from replay_service.redis_log import Meta, RedisLog, Transaction
from townlet.errors import TownletError, UnavailableError
from townlet.launch.redis_server import socket_path

TIMEOUT_S = 5.0
RUN = "test"


def transaction(number: int) -> Transaction:
    """The episode that comes after so many."""
    meta = Meta(4, "layout", number + 1, number + 1, 0, number + 1)
    return Transaction(meta, [(number, f"actor-0/1/{number}", b"eightbytes")], {"actor-0": Producer(1, number + 1)})


async def until(happened, what: str) -> None:
    deadline = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.02)


@pytest.fixture
def proxy(redis_server):
    with FaultProxy(str(socket_path(redis_server.folder))) as proxy:
        yield proxy


def test_a_transaction_that_arrives_late_changes_nothing(proxy):
    async def scenario():
        async with RedisLog(RedisAccess(f"redis://{proxy.address}"), RUN, 0, True, TIMEOUT_S) as log:
            await log.commit(transaction(0))
            proxy.cut()
            with pytest.raises(UnavailableError):
                await log.commit(transaction(1))
            proxy.heal(old=False)
            await log.commit(transaction(1))
            await log.commit(transaction(2))
            before = proxy.links
            proxy.heal()
            await until(lambda: proxy.links < before, "end of the old connection")
            await log.read_meta()
            assert (await log.read_meta()).next_order == 3
            assert await log.read_producers() == {"actor-0": Producer(1, 3)}
            await log.commit(transaction(3))
            assert (await log.read_meta()).next_order == 4

    asyncio.run(asyncio.wait_for(scenario(), 60))


def test_of_two_processes_that_serve_one_shard_only_the_newer_one_writes(redis_server):
    async def scenario():
        async with (
            RedisLog(RedisAccess(redis_server.url), RUN, 0, True, TIMEOUT_S) as older,
            RedisLog(RedisAccess(redis_server.url), RUN, 0, True, TIMEOUT_S) as newer,
        ):
            await older.commit(transaction(0))
            await newer.read_meta()
            await newer.commit(transaction(1))
            for _ in range(2):
                with pytest.raises(TownletError, match="another process writes"):
                    await older.commit(transaction(1))
            await newer.commit(transaction(2))
            assert (await newer.read_meta()).next_order == 3

    asyncio.run(asyncio.wait_for(scenario(), 60))
