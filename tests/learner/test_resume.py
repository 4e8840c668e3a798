"""A learner goes on from the newest version, or says in one sentence why it cannot, and is then as it was."""

import json
import threading

import pytest
from run_process import CONFIGS
from shard_process import RUN, ShardProcess, episode
from small_versions import make_manifest
from structlog.testing import capture_logs
from taking_up import LearnerThatTakesUp

from learner.resume import Resumed, bring_shards_along
from protos import replay_pb2 as pb
from townlet.checkpoint.manifest import FORMAT, encode_manifest
from townlet.checkpoint.store import Damaged, VersionStore
from townlet.checkpoint.wire import decode_files
from townlet.config_changes import as_tree
from townlet.config_file import load_config
from townlet.errors import CheckpointError, ForeignVersionError, UnavailableError


def config(*overrides: str):
    return load_config(CONFIGS / "L0_minimal.yaml", ["run.name=test", *overrides])


@pytest.fixture
def store(tmp_path):
    return VersionStore(tmp_path / "versions")


def learner(store, *overrides: str) -> LearnerThatTakesUp:
    return LearnerThatTakesUp(config(*overrides), store)


def make_version(store, version: int, updates: int, **about):
    """The learner's state, and something of a shard and of an actor."""
    made_by = learner(store)
    made_by.learning.updates = updates
    files = list(store.write_state(version, "learner", made_by.state()))
    for other in ("replay-0", "actor-0"):
        files += store.write_state(version, other, {"whose": other})
    about = {"run": "test", "config": as_tree(config()), "layout_digest": made_by.layout_digest} | about
    members = ("learner", "replay-0", "actor-0")
    store.commit(make_manifest(version, tuple(files), schedule="async", members=members, **about))


def test_a_new_run_has_nothing_to_go_on_from(store):
    assert learner(store).take_up() is None
    assert learner(store).take_up(fallback=True) is None


def test_the_newest_version_is_taken_up(store):
    make_version(store, 1, updates=10)
    make_version(store, 2, updates=20)
    taking_up = learner(store)
    assert taking_up.take_up().manifest.version == 2
    assert taking_up.learning.updates == 20


@pytest.mark.parametrize("fallback", [False, True])
@pytest.mark.parametrize(
    ("about", "override", "told"),
    [
        ({"run": "other"}, "seed=1", "version 000002: run: expected test, found other"),
        ({"layout_digest": "m"}, "seed=1", r"version 000002: record layout: expected \w+, found m"),
        ({}, "learner.gamma=0.5", "version 000002: configuration: learner.gamma: expected 0.95, as it was, found 0.5"),
        ({}, "network.hidden=[8]", r"network.hidden: expected \[128, 128\], as it was, found \[8\]"),
        ({}, "replay.addresses=['a:1', 'b:1']", "replay-1 is missing; .*number_of_shards: expected 1, as it was, foun"),
    ],
)
def test_a_foreign_version_is_refused_and_never_passed_over(store, about, override, told, fallback):
    make_version(store, 1, updates=10)
    make_version(store, 2, updates=20, **about)
    taking_up = learner(store, override)
    before = taking_up.digest()
    with pytest.raises(ForeignVersionError, match=told):
        taking_up.take_up(fallback=fallback)
    assert taking_up.digest() == before


def test_what_may_change_is_logged_and_takes_effect(store):
    make_version(store, 1, updates=10)
    taking_up = learner(store, "learner.learning_rate=0.125", "evaluation.episodes=7")
    with capture_logs() as logs:
        taking_up.take_up()
    changed = {entry["key"]: (entry["was"], entry["now"]) for entry in logs if entry["event"] == "config_changed"}
    assert changed == {"learner.learning_rate": (0.001, 0.125), "evaluation.episodes": (200, 7)}
    assert taking_up.learning.rates().learning == 0.125


def newer_format(store, version):
    return json.dumps({"format": FORMAT + 1}).encode()


def of_another_version(store, version):
    return encode_manifest(store.manifest(version - 1))


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        (
            "manifest.json",
            newer_format,
            f"manifest.json: expected format {FORMAT} or older, found {FORMAT + 1}: a newer",
        ),
        ("manifest.json", of_another_version, r"manifest.json: expected version 2, found 1"),
        ("actor-0.json", None, r"actor-0.json: expected \d+ bytes, found no such file"),
        ("replay-0.safetensors", lambda *_: b"", r"replay-0.safetensors: expected \d+ bytes, found 0"),
    ],
)
def test_a_damaged_version_is_refused_with_what_to_do_or_passed_over(store, tmp_path, name, content, told):
    make_version(store, 1, updates=10)
    make_version(store, 2, updates=20)
    garbage = tmp_path / "versions" / "000003"
    garbage.mkdir()
    path = tmp_path / "versions" / "000002" / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content(store, 2))
    taking_up = learner(store)
    before = taking_up.digest()
    with pytest.raises(
        CheckpointError, match=rf"/versions/000002/{told}.*; put the file back .* or start with --fallb"
    ):
        taking_up.take_up()
    assert taking_up.digest() == before
    assert garbage.exists()  # not even that was swept
    with capture_logs() as logs:
        resumed = taking_up.take_up(fallback=True)
    assert (resumed.manifest.version, taking_up.learning.updates) == (1, 10)
    (passed,) = [entry for entry in logs if entry["event"] == "version_passed_over"]
    assert (passed["version"], passed["reason"]) == (2, resumed.passed_over[0].reason)
    assert not garbage.exists()
    assert path.parent.exists()


def test_when_no_version_is_whole_the_run_does_not_begin_anew(store, tmp_path):
    make_version(store, 1, updates=10)
    make_version(store, 2, updates=20)
    for folder in ("000001", "000002"):
        (tmp_path / "versions" / folder / "learner.json").unlink()
    with pytest.raises(
        CheckpointError, match=r"expected a version that is whole, found 2 damaged ones \(the newest: .*2/"
    ):
        learner(store).take_up(fallback=True)


@pytest.fixture
def shard(short_folder, redis_server, free_port):
    overrides = (f"checkpoint.root={short_folder / 'versions'}",)
    shard = ShardProcess(short_folder, redis_server.url, free_port, *overrides).start().wait_until_serving()
    yield shard
    shard.stop()
    shard.channel.close()


def write_version(shard, version: int):
    """The files of a shard's part of a version, which the shard takes for complete."""
    about = {"run": RUN, "version": version}
    shard.stub.CutVersion(pb.CutVersionRequest(**about), timeout=20)
    answer = shard.stub.AwaitVersion(pb.AwaitVersionRequest(**about, wait_ms=20_000), timeout=30)
    shard.stub.EndVersion(pb.EndVersionRequest(**about, committed=True), timeout=20)
    return decode_files(answer.files)


def test_shards_share_no_segment_with_what_was_passed_over(shard, short_folder):
    shard.append(shard.open(), 0, [episode(0, 4)])
    files = write_version(shard, 2)
    segment = short_folder / "versions" / next(file.path for file in files if file.is_segment)
    segment.write_bytes(b"damaged")
    manifest = make_manifest(2, files, members=("replay-0",), counters={"replay-0.appended": 1})
    resumed = Resumed(manifest, {}, passed_over=(Damaged(2, "a test"),))
    bring_shards_along(resumed, config(f"replay.addresses=['{shard.address}']"), threading.Event())
    assert shard.held() == {0}  # it has gone on, and keeps what it has
    write_version(shard, 3)
    assert segment.read_bytes() != b"damaged"


def test_what_cannot_be_swept_keeps_nobody_from_going_on(store, monkeypatch):
    make_version(store, 1, updates=10)

    def refuse():
        raise UnavailableError("read-only")

    monkeypatch.setattr(store, "sweep", refuse)
    taking_up = learner(store)
    assert taking_up.take_up().manifest.version == 1
    assert taking_up.learning.updates == 10
