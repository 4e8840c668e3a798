"""Acknowledged episodes survive kill -9 of the shard, of Redis, and of both, under load; nothing is stored twice."""

import signal
import time

import grpc
import pytest
from appending_load import Load, check
from shard_process import episode


@pytest.fixture
def shard(make_shard):
    return make_shard("replay.capacity=400000")


def test_kill_9_of_the_shard_under_load_loses_nothing(shard):
    with Load(shard, "actor-0") as first, Load(shard, "actor-1") as second:
        for _ in range(3):
            first.wait_for(20)
            shard.kill()
            shard.start().wait_until_serving()
        second.wait_for(20)
    check(shard, [first, second])


def test_kill_9_of_redis_under_load_loses_nothing_and_sampling_goes_on(shard, redis_server):
    with Load(shard, "actor-0") as first, Load(shard, "actor-1") as second:
        for _ in range(3):
            first.wait_for(20)
            redis_server.kill()
            time.sleep(0.2)
            assert shard.sample(10).windows == 10
            redis_server.start()
        second.wait_for(20)
    check(shard, [first, second])
    shard.kill()
    shard.start().wait_until_serving()
    check(shard, [first, second])


def test_kill_9_of_both_at_once_loses_nothing(shard, redis_server):
    with Load(shard, "actor-0") as load:
        for _ in range(2):
            load.wait_for(20)
            shard.process.send_signal(signal.SIGKILL)
            redis_server.kill()
            shard.kill()
            redis_server.start()
            shard.start().wait_until_serving()
        load.wait_for(20)
    check(shard, [load])


def test_a_restarted_shard_knows_producers_order_and_the_limiters_balance(make_shard):
    shard = make_shard("replay.capacity=2100")
    epoch = shard.open()
    shard.append(epoch, 0, [episode(n, 500) for n in range(6)])  # more than fits: 2 are dropped
    shard.sample(7)
    shard.append(epoch, 6, [episode(6, 500)])  # carries the sampled count along
    before = shard.stats()
    shard.kill()
    shard.start().wait_until_serving()
    after = shard.stats()
    assert (before.episodes, before.inserted_steps, before.sampled_windows) == (4, 3500, 7)
    for name in ("episodes", "records", "items", "inserted_steps", "sampled_windows", "appended_episodes"):
        assert getattr(after, name) == getattr(before, name), name
    assert shard.held() == {3, 4, 5, 6}
    assert shard.append(epoch, 7, [episode(7, 500)]).next_sequence == 8
    assert shard.open() == epoch + 1


def test_a_redis_that_came_back_empty_is_refused_rather_than_trusted(shard, redis_server):
    shard.append(shard.open(), 0, [episode(0, 2)])
    redis_server.kill()
    for path in (redis_server.folder / "appendonlydir").iterdir():
        path.unlink()
    redis_server.start()
    with pytest.raises(grpc.RpcError):
        shard.append(1, 1, [episode(1, 2)], timeout=10)
    assert shard.process.wait(20) == 1
    assert "came back without acknowledged episodes: expected 1" in shard.log.read_text()
