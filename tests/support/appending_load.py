"""Actors that append under load, and what has to be there afterwards."""

import random
import threading
import time

import grpc
import numpy as np
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
