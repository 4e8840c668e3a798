"""What is left after a round: read from Redis itself, from the newest version, and out of shards that were rebuilt."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import redis

from chaos.episodes import KnownEpisodes, Rows
from chaos.held import ShardInRedis, held_by_version
from chaos.model import Held, ShardModel, Violation
from chaos.target import Target
from chaos.version_watch import VersionWatch
from protos import replay_pb2 as pb
from protos import replay_pb2_grpc
from townlet.config import Config
from townlet.errors import TownletError, UnavailableError
from townlet.launch.parent import PARENT_VARIABLE
from townlet.launch.redis_server import server_command
from townlet.rpc import call, open_channel

START_LIMIT_S = 60.0
WINDOWS = 50_000
MOST_DRAWS = 60
SAMPLES_PER_RECORD = 20
"""After so many, on average, nothing is left out by chance."""
FREE = ("replay.samples_per_insert=null", "replay.min_size_to_sample=1")
"""The shard is asked for far more samples than its limiter would ever allow."""


def check_aftermath(
    target: Target, models: list[ShardModel], versions: VersionWatch, known: KnownEpisodes
) -> list[Violation]:
    """Start Redis and the shards once more, alone, and compare what they hold with the models."""
    config = target.config
    found = versions.check()
    newest = target.store.newest()
    with _alone(target, config):
        for shard, model in enumerate(models):
            stored = ShardInRedis(str(config.replay.redis_url), config.run.name, shard)
            held = list(stored.episodes())
            found += stored.check(held) + model.check(held)
            stored.close()
            if newest is not None:
                in_version = held_by_version(target.store, newest, shard)
                found += model.check(in_version, versions.floor(newest, shard)) + _missing(in_version, held)
            with open_channel(config.replay.addresses[shard], config.security.tls) as channel:
                found += check_rebuilt(channel, config.run.name, shard, held, known)
    return found


def _missing(in_version: list[Held], held: list[Held]) -> list[Violation]:
    """A version holds nothing that the log does not, and the same under the same name."""
    there = {episode.order: episode for episode in held}
    wrong = [episode.name for episode in in_version if there.get(episode.order) != episode]
    return [Violation("altered", f"in the version, and not like this in Redis: {wrong[:5]}")] if wrong else []


def check_rebuilt(
    channel: grpc.Channel, run: str, shard: int, held: list[Held], known: KnownEpisodes
) -> list[Violation]:
    """Whether a shard that was rebuilt from Redis serves these episodes, each of ours in every step.

    The shard's limiter lets everybody sample as much as he likes.
    """
    peer = f"replay-{shard}"
    stub = replay_pb2_grpc.ReplayServiceStub(channel)
    stats = _first_stats(stub, peer)
    stride = stats.layout.stride
    records = sum(len(episode.records) for episode in held) // stride
    wrong = []
    if (stats.episodes, stats.records) != (len(held), records):
        wrong.append(f"{len(held)} episodes of {records} records, found {stats.episodes} of {stats.records}")
    missing = {row.tobytes() for episode in held for row in _ours(known.rows(episode.records)[:-1], known)}
    expected = set(missing)
    request = pb.SampleRequest(
        run=run,
        layout_digest=stats.layout.digest,
        window=pb.Window(after=1),
        slices=[pb.Slice(steps=1, size=stride)],
        windows=WINDOWS,
    )
    for _ in range(max(MOST_DRAWS, SAMPLES_PER_RECORD * records // WINDOWS)):
        drawn = call(stub.Sample, request, peer=peer)
        rows = {row.tobytes() for row in _ours(known.rows(drawn.data), known)}
        if rows - expected:
            wrong.append(f"nothing but what Redis holds, sampled {len(rows - expected)} other records")
            break
        missing -= rows
        if not missing:
            break
    else:
        wrong.append(f"every step of every episode to be sampled, {len(missing)} were not")
    return [Violation("rebuilt", f"{peer}: expected {what}") for what in wrong]


def _ours(rows: Rows, known: KnownEpisodes) -> Rows:
    return rows[known.numbers(rows) > 0]


def _first_stats(stub: "replay_pb2_grpc.ReplayServiceStub", peer: str) -> pb.StatsResponse:
    until_s = time.monotonic() + START_LIMIT_S
    while True:
        try:
            return call(stub.Stats, pb.StatsRequest(), peer=peer)
        except UnavailableError:
            if time.monotonic() > until_s:
                raise
            time.sleep(0.1)


@contextmanager
def _alone(target: Target, config: Config) -> Iterator[None]:
    """Redis and the shards of the run, without anybody else."""
    options = [word for each in FREE for word in ("--set", each)]
    service = [sys.executable, "-m", "replay_service", str(target.folder.config), *options]
    commands = [server_command(target.folder.redis, config.replay.durability)]
    commands += [[*service, "--index", str(shard)] for shard in range(len(config.replay.addresses))]
    environment = {**os.environ, PARENT_VARIABLE: str(os.getpid())}
    with (target.folder.logs / "aftermath.log").open("wb") as log:
        processes = [subprocess.Popen(command, stdout=log, stderr=log, env=environment) for command in commands]
        try:
            _wait_for_redis(str(config.replay.redis_url))
            yield
        finally:
            for process in processes:
                process.kill()
                process.wait()


def _wait_for_redis(url: str) -> None:
    until_s = time.monotonic() + START_LIMIT_S
    while True:
        try:
            with redis.Redis.from_url(url) as client:
                client.ping()
            return
        except redis.RedisError as error:
            if time.monotonic() > until_s:
                raise TownletError(f"Redis at {url}: does not come back: {error}") from None
            time.sleep(0.1)
