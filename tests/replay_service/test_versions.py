"""A shard's part of a version: cut while it serves, written beside it, and taken up in Redis and in memory."""

import shutil
from datetime import UTC, datetime

import grpc
import numpy as np
import pytest
from redis_process import RedisServer
from shard_process import RUN, ShardProcess, episode

from protos import replay_pb2 as pb
from townlet.checkpoint.manifest import FileRecord, Manifest
from townlet.checkpoint.store import VersionStore
from townlet.checkpoint.wire import decode_files
from townlet.errors import CheckpointError

PRIORITIZED = "replay.sampler={kind: prioritized, exponent: 0.6}"


@pytest.fixture
def store(short_folder):
    return VersionStore(short_folder / "versions")


@pytest.fixture
def shard(make_shard, short_folder):
    return make_shard(
        f"checkpoint.root={short_folder / 'versions'}", PRIORITIZED, "world.step_cap=31", "replay.capacity=64"
    )


def cut(shard: ShardProcess, version: int) -> None:
    shard.stub.CutVersion(pb.CutVersionRequest(run=RUN, version=version), timeout=20)


def written(shard: ShardProcess, version: int) -> list[FileRecord]:
    answer = shard.stub.AwaitVersion(pb.AwaitVersionRequest(run=RUN, version=version, wait_ms=20_000), timeout=30)
    assert answer.written
    return list(decode_files(answer.files))


def end(shard: ShardProcess, version: int, committed: bool = True) -> None:
    shard.stub.EndVersion(pb.EndVersionRequest(run=RUN, version=version, committed=committed), timeout=20)


def take_up(shard: ShardProcess, version: int) -> None:
    shard.stub.TakeUpVersion(pb.TakeUpVersionRequest(run=RUN, version=version), timeout=30)


def commit(store: VersionStore, version: int, files: list[FileRecord]) -> None:
    store.commit(
        Manifest(
            version=version,
            run=RUN,
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
            config_digest="c",
            layout_digest="test-layout",
            schedule="async",
            counters={"replay-0.appended": 1},
            metrics={},
            members=("replay-0",),
            files=tuple(files),
        )
    )


def make_version(shard: ShardProcess, store: VersionStore, version: int) -> list[FileRecord]:
    cut(shard, version)
    files = written(shard, version)
    commit(store, version, files)
    end(shard, version)
    return files


def lose_data(redis_server: RedisServer) -> None:
    redis_server.stop()
    shutil.rmtree(redis_server.folder / "appendonlydir")
    redis_server.start()


def following(shard: ShardProcess, epoch: int, first: int) -> list[object]:
    """What the shard does next: the same appends, draws and priorities each time."""
    seen: list[object] = []
    for number in range(first, first + 6):
        shard.append(epoch, number, [episode(number, 4)])
        drawn = shard.sample(5)
        priorities = (np.arange(5, dtype="<f4") + number).tobytes()
        shard.sample(0, priorities=pb.PriorityUpdate(keys=drawn.keys, priorities=priorities))
        seen.append((drawn.keys, drawn.probabilities, drawn.data, drawn.total_weight))
    stats = shard.stats()
    return [*seen, (stats.records, stats.items, stats.inserted_steps, stats.sampled_windows, stats.appended_episodes)]


def test_a_version_that_is_taken_up_goes_on_as_the_shard_did(shard, store):
    epoch = shard.open()
    following(shard, epoch, 0)
    make_version(shard, store, 1)
    went_on = following(shard, epoch, 6)
    take_up(shard, 1)
    assert following(shard, epoch, 6) == went_on
    # A restore of a restore, by a process that knows nothing of it, on data that has gone on.
    shard.kill()
    shard.start().wait_until_serving()
    take_up(shard, 1)
    assert following(shard, epoch, 6) == went_on


def test_what_was_taken_up_is_durable(shard, store):
    epoch = shard.open()
    shard.append(epoch, 0, [episode(0, 4), episode(1, 4)])
    make_version(shard, store, 1)
    shard.append(epoch, 2, [episode(2, 4)])
    take_up(shard, 1)
    shard.append(epoch, 2, [episode(9, 4)])
    shard.kill()
    shard.start().wait_until_serving()
    assert shard.held() == {0, 1, 9}
    assert shard.append(epoch, 2, [episode(9, 4)]).next_sequence == 3  # it is there, and changes nothing
    assert shard.held() == {0, 1, 9}


def test_later_versions_share_the_segments_of_earlier_ones(shard, store):
    epoch = shard.open()
    shard.append(epoch, 0, [episode(0, 4), episode(1, 4)])
    first = make_version(shard, store, 1)
    shard.append(epoch, 2, [episode(2, 4)])
    second = make_version(shard, store, 2)
    segments = [[file.path for file in files if file.is_segment] for files in (first, second)]
    assert (len(segments[0]), len(segments[1])) == (1, 2)
    assert segments[1][0] == segments[0][0]
    sizes = {file.path: file.size for file in second}
    assert sizes[segments[1][1]] < sizes[segments[1][0]]  # only what was new
    take_up(shard, 2)
    shard.append(epoch, 3, [episode(3, 4)])
    third = make_version(shard, store, 3)
    assert [file.path for file in third if file.is_segment][:2] == segments[1]


def test_a_version_that_is_given_up_leaves_nothing_to_refer_to(shard, store):
    epoch = shard.open()
    shard.append(epoch, 0, [episode(0, 4)])
    cut(shard, 1)
    written(shard, 1)
    end(shard, 1, committed=False)
    store.abort(1)
    store.collect()
    make_version(shard, store, 2)
    store.verify(2)


def test_a_version_of_format_1_knew_no_rounds_and_is_taken_up(shard, store):
    epoch = shard.open()
    shard.append(epoch, 0, [episode(0, 4)])
    segments = [file for file in make_version(shard, store, 1) if file.is_segment]
    state = store.open(1).state("replay-0")
    del state["round"]
    commit(store, 2, [*segments, *store.write_state(2, "replay-0", state)])
    shard.append(epoch, 1, [episode(1, 4)])
    take_up(shard, 2)
    assert shard.held() == {0}


def test_a_version_that_was_passed_over_shares_nothing_with_later_ones(shard, store, short_folder):
    epoch = shard.open()
    shard.append(epoch, 0, [episode(0, 4)])
    damaged = short_folder / "versions" / next(file.path for file in make_version(shard, store, 1) if file.is_segment)
    damaged.write_bytes(b"x" * damaged.stat().st_size)
    end(shard, 7, committed=False)  # another one: nothing happens
    make_version(shard, store, 2)
    with pytest.raises(CheckpointError, match=f"{damaged.name}: expected sha256"):
        store.verify(2)
    end(shard, 2, committed=False)
    make_version(shard, store, 3)
    store.verify(3)


def test_what_is_dropped_while_a_version_is_written_is_in_it(shard, store, monkeypatch):
    """The oldest episodes leave the arena, and Redis, while segments are still being read out of Redis."""
    shard.stop()
    monkeypatch.setenv("TOWNLET_FAILPOINTS", "replay.version.before_segment=sleep:1.0")
    shard.start().wait_until_serving()
    epoch = shard.open()
    shard.append(epoch, 0, [episode(number, 7) for number in range(8)])  # 64 records: full
    cut(shard, 1)
    shard.append(epoch, 8, [episode(number, 7) for number in range(8, 24)])
    commit(store, 1, written(shard, 1))
    end(shard, 1)
    assert shard.held() == set(range(16, 24))
    take_up(shard, 1)
    assert shard.held() == set(range(8))


@pytest.mark.parametrize("redis_is", ["as it was", "empty"])
@pytest.mark.parametrize("place", ["replay.take_up.after_mark", "replay.take_up.before_done"])
def test_a_shard_that_dies_while_it_takes_up_serves_nobody_until_it_has(
    shard, store, redis_server, place, redis_is, monkeypatch
):
    epoch = shard.open()
    shard.append(epoch, 0, [episode(0, 4)])
    make_version(shard, store, 1)
    shard.append(epoch, 1, [episode(1, 4)])
    shard.stop()
    if redis_is == "empty":
        lose_data(redis_server)
    monkeypatch.setenv("TOWNLET_FAILPOINTS", f"{place}=kill")
    shard.start().wait_until_serving()
    with pytest.raises(grpc.RpcError):
        take_up(shard, 1)
    shard.process.wait(20)
    monkeypatch.delenv("TOWNLET_FAILPOINTS")
    shard.start().wait_until_serving()
    for attempt in (
        lambda: shard.open("actor-1"),
        lambda: shard.sample(1),
        lambda: shard.append(epoch, 1, [episode(1, 4)]),
    ):
        with pytest.raises(grpc.RpcError, match="has to take up version 1 before it serves") as refused:
            attempt()
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
    take_up(shard, 1)
    assert shard.held() == {0}
    assert shard.append(epoch, 1, [episode(5, 4)]).next_sequence == 2


def test_a_shard_that_has_lost_all_it_held_serves_nobody_until_it_has_taken_a_version_up(shard, store, redis_server):
    epoch = shard.open()
    shard.append(epoch, 0, [episode(0, 4)])
    make_version(shard, store, 1)
    shard.kill()
    lose_data(redis_server)
    shard.start().wait_until_serving()
    with pytest.raises(grpc.RpcError, match="has to take up version 1 before it serves") as refused:
        shard.open()
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
    take_up(shard, 1)
    assert shard.held() == {0}


def test_a_damaged_version_changes_nothing(shard, store, short_folder):
    epoch = shard.open()
    shard.append(epoch, 0, [episode(0, 4)])
    files = make_version(shard, store, 1)
    shard.append(epoch, 1, [episode(1, 4)])
    path = short_folder / "versions" / next(file.path for file in files if file.is_segment)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    with pytest.raises(grpc.RpcError, match=f"{path.name}: expected sha256") as refused:
        take_up(shard, 1)
    assert refused.value.code() == grpc.StatusCode.DATA_LOSS
    assert shard.held() == {0, 1}


def test_versions_that_are_not_there_are_refused(shard):
    with pytest.raises(grpc.RpcError, match="holds nothing yet") as refused:
        cut(shard, 1)
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    shard.open()
    with pytest.raises(grpc.RpcError, match="version 3: expected one that was cut here, found none") as refused:
        written(shard, 3)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    with pytest.raises(grpc.RpcError, match=r"000009/manifest.json: expected a version, found no such file"):
        take_up(shard, 9)
    with pytest.raises(grpc.RpcError, match="version: expected at least 1, found 0"):
        cut(shard, 0)
    end(shard, 8)  # nothing is known of it
