"""Acknowledged episodes survive kill -9 of the shard, of Redis, and of both, under load; nothing is stored twice."""

import random
import signal
import threading
import time

import grpc
import numpy as np
import pytest
from shard_process import ShardProcess, episode

STEPS = 3


class Load:
    """One actor that appends as fast as it can, repeats what was not answered, and remembers what was acknowledged."""

    def __init__(self, shard: ShardProcess, actor: str) -> None:
        self.acknowledged = 0
        self._shard = shard
        self._actor = actor
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._epoch = shard.open(actor)
        self._base = int(actor.rpartition("-")[2]) * 1_000_000

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join()

    def numbers(self) -> set[int]:
        return {self._base + n for n in range(self.acknowledged)}

    def wait_for(self, more: int) -> None:
        goal, deadline = self.acknowledged + more, time.monotonic() + 60
        while self.acknowledged < goal:
            assert time.monotonic() < deadline, "the load came to a stand"
            time.sleep(0.01)

    def _run(self) -> None:
        group = self._next_group()
        while not self._stop.is_set():
            try:
                answer = self._shard.append(self._epoch, self.acknowledged, group, actor=self._actor, timeout=5)
            except grpc.RpcError as error:
                if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                    raise
                time.sleep(0.02)
            else:
                assert answer.next_sequence == self.acknowledged + len(group)
                self.acknowledged = answer.next_sequence
                group = self._next_group()

    def _next_group(self) -> list[bytes]:
        return [episode(self._base + self.acknowledged + n, STEPS) for n in range(random.randint(1, 5))]


def stored(shard: ShardProcess) -> list[int]:
    """Every episode held, by number, as often as it is stored."""
    data = np.frombuffer(shard.sample(1).data, np.uint8)  # it serves
    assert len(data)
    stats = shard.stats()
    assert stats.items == stats.episodes * STEPS
    return sorted(shard.held())


def check(shard: ShardProcess, loads: list[Load]) -> None:
    acknowledged = set().union(*(load.numbers() for load in loads))
    held = set(stored(shard))
    assert acknowledged <= held, f"lost: {sorted(acknowledged - held)[:5]}"
    # An append that was never answered may be there, but nothing is there twice.
    assert len(held) == shard.stats().episodes
    assert shard.stats().inserted_steps == STEPS * shard.stats().appended_episodes


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
