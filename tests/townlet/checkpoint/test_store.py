"""The contract of a store, on every kind of medium."""

import hashlib
import json
from contextlib import suppress

import pytest
import torch
from small_versions import NOON, actor_state, commit, learner_state, make_manifest, prepare, segment

from townlet.checkpoint.branch import branch
from townlet.checkpoint.manifest import Origin
from townlet.checkpoint.retention import Retention
from townlet.checkpoint.store import VersionStore
from townlet.errors import CheckpointError, UnavailableError
from townlet.failpoints import armed


def files(store) -> set[str]:
    return set(store._files.sizes())


def raw(store, path: str) -> bytes:
    return b"".join(store._files.blocks(path))


def put(store, path: str, content: bytes) -> None:
    with store._files.staged(path, memoryview(content)) as publish:
        publish()


def test_a_record_says_where_how_large_and_which_bytes(store):
    record = store.write(42, "learner", "policy.safetensors", b"weights")
    assert (record.path, record.size, record.component) == ("000042/policy.safetensors", 7, "learner")
    assert record.sha256 == hashlib.sha256(b"weights").hexdigest()
    assert raw(store, record.path) == b"weights"


def test_without_a_manifest_there_is_no_version(store):
    prepare(store, 1)
    assert store.newest() is None
    assert store.versions() == ()
    assert store.newest_good().opened is None
    with pytest.raises(CheckpointError, match=r"000001/manifest.json: expected a version, found no such file"):
        store.open(1)


def test_a_committed_version_is_read_as_it_was_written(store):
    manifest = commit(store, 1)
    assert store.newest() == 1
    opened = store.open(1)
    assert opened.manifest == manifest == store.verify(1)
    found = opened.state("learner")
    assert torch.equal(found["networks"]["online"]["0.weight"], learner_state(1)["networks"]["online"]["0.weight"])
    assert found["stream"] == [2**127 + 1, 7]
    assert store.open(1, "actor-1").state("actor-1")["lanes"].tolist() == actor_state(1, 1)["lanes"].tolist()
    assert [opened.read(record) for record in opened.segments("replay-0")] == [segment(1), segment(2)]


def test_an_unknown_component_is_missing(store):
    commit(store, 1)
    with pytest.raises(CheckpointError, match="version 000001: component actor-7 is missing; found learner, actor-0"):
        store.open(1, "actor-7")


def test_a_component_without_a_state_says_so(store):
    commit(store, 1)
    with pytest.raises(CheckpointError, match=r"000001/replay-0.json: expected a file of replay-0, found none"):
        store.open(1, "replay-0").state("replay-0")


@pytest.mark.parametrize("keep_bytes", [0, 150, 1 << 20])
def test_what_is_altered_after_it_was_verified_is_not_handed_out(store, keep_bytes):
    commit(store, 1)
    opened = store.open(1, "replay-0", keep_bytes=keep_bytes)
    for record in opened.manifest.of("replay-0"):
        put(store, record.path, b"x" * record.size)
    handed_out = 0
    for record in opened.manifest.of("replay-0"):
        with suppress(CheckpointError):
            assert hashlib.sha256(opened.read(record)).hexdigest() == record.sha256
            handed_out += 1
    assert handed_out == {0: 0, 150: 2, 1 << 20: 3}[keep_bytes]


def test_a_component_is_opened_while_another_one_is_damaged(store):
    commit(store, 1)
    put(store, "000001/actor-0.json", b"")
    store.open(1, "learner").state("learner")
    with pytest.raises(CheckpointError, match=r"000001/actor-0.json: expected \d+ bytes, found 0"):
        store.open(1)


def test_a_committed_version_is_never_written_to_again(store):
    manifest = commit(store, 1)
    for change in (
        lambda: store.write(1, "learner", "policy.safetensors", b""),
        lambda: store.commit(manifest),
        lambda: store.abort(1),
    ):
        with pytest.raises(CheckpointError, match="000001: expected a version being prepared, found a committed one"):
            change()
    store.verify(1)


def test_a_version_is_not_committed_while_a_file_is_not_there_as_it_was_written(store):
    records = prepare(store, 1)
    put(store, records[3].path, b"short")
    with pytest.raises(CheckpointError, match=rf"{records[3].path}: expected {records[3].size} bytes, found 5"):
        store.commit(make_manifest(1, records))
    store._files.delete(records[3].path)
    with pytest.raises(CheckpointError, match=rf"{records[3].path}: expected \d+ bytes, found no such file"):
        store.commit(make_manifest(1, records))
    assert store.newest() is None


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "..", "manifest.json", "a b", "ä"])
def test_a_name_that_is_no_file_name_is_refused(store, name):
    with pytest.raises(CheckpointError, match="file of a version: expected letters"):
        store.write(1, "learner", name, b"")
    if name != "manifest.json":
        with pytest.raises(CheckpointError, match="component: expected letters"):
            store.write_segment(name, b"")


def test_an_aborted_version_leaves_nothing_but_segments_for_the_next_collection(store):
    commit(store, 1, (1,))
    prepare(store, 2, (1, 2))
    store.abort(2)
    assert {path for path in files(store) if path.startswith("000002")} == set()
    (gone,) = store.collect().deleted
    assert gone == f"segments/replay-0/{hashlib.sha256(segment(2)).hexdigest()}"
    store.verify(1)


def test_segments_are_shared_and_collected_when_no_version_needs_them(store):
    commit(store, 1, (1, 2))
    commit(store, 2, (2, 3))
    assert sum(path.startswith("segments/") for path in files(store)) == 3
    assert store.collect().deleted == ()
    store.delete(1)
    store.verify(2)
    assert store.collect().deleted == (f"segments/replay-0/{hashlib.sha256(segment(1)).hexdigest()}",)
    assert store.collect().deleted == ()
    store.verify(2)


def test_segments_of_a_version_being_prepared_are_not_collected(store):
    commit(store, 1, (1,))
    records = prepare(store, 2, (2,))
    assert store.collect(pending={record.path for record in records}).deleted == ()
    store.commit(make_manifest(2, records))
    store.verify(2)


def test_no_segment_goes_while_a_manifest_cannot_be_read(store):
    commit(store, 1)
    commit(store, 2, (3,))
    put(store, "000001/manifest.json", json.dumps({"format": 99}).encode())
    prepare(store, 3, (4,))
    before = {path for path in files(store) if path.startswith("segments/")}
    for swept in (store.collect(), store.sweep()):
        assert [(damaged.version, "found 99" in damaged.reason) for damaged in swept.kept_for] == [(1, True)]
    assert {path for path in files(store) if path.startswith("segments/")} == before
    store.delete(1)
    assert len(store.collect().deleted) == 3
    store.verify(2)


def test_a_sweep_leaves_what_versions_refer_to_what_is_pending_and_pins(store):
    commit(store, 1)
    store.pin(1)
    kept = files(store)
    prepare(store, 2, (5,))
    pending = prepare(store, 3, (6,))
    put(store, "000001/.learner.json.abcd", b"unfinished")
    kept |= {record.path for record in pending}
    swept = store.sweep({record.path for record in pending})
    assert "000002/" in swept.deleted
    assert files(store) == kept
    assert store.sweep({record.path for record in pending}).deleted == ()


def test_versions_lists_the_damaged_and_the_pinned(store):
    for version in (1, 2, 3):
        commit(store, version)
    put(store, "000002/manifest.json", b"{}")
    store.pin(3)
    store.pin(3)
    listed = store.versions()
    assert [(entry.version, entry.manifest is not None, entry.pinned) for entry in listed] == [
        (1, True, False),
        (2, False, False),
        (3, True, True),
    ]
    assert "000002/manifest.json" in listed[1].reason


def test_a_manifest_of_another_version_is_refused(store):
    commit(store, 1)
    commit(store, 2)
    put(store, "000002/manifest.json", raw(store, "000001/manifest.json"))
    with pytest.raises(CheckpointError, match=r"000002/manifest.json: expected version 2, found 1"):
        store.open(2)


def test_a_pinned_version_is_deleted_only_after_it_is_unpinned(store):
    commit(store, 1)
    store.pin(1)
    with pytest.raises(CheckpointError, match="not pinned; unpin it"):
        store.delete(1)
    store.unpin(1)
    store.unpin(1)
    store.delete(1)
    assert store.newest() is None
    for act in (store.pin, store.delete):
        with pytest.raises(CheckpointError, match=r"000001/manifest.json: expected a version, found no such file"):
            act(1)


def test_retention_deletes_the_others(store):
    for version in range(1, 6):
        commit(store, version)
    store.pin(1)
    put(store, "000002/manifest.json", b"")
    assert store.retain(Retention(last=1, best=1, best_by="survival")) == (3, 4)
    assert [entry.version for entry in store.versions()] == [1, 2, 5]


def test_an_id_is_never_used_twice_while_anything_bears_it(store):
    assert store.next_version() == 1
    commit(store, 1)
    prepare(store, 7)
    assert store.next_version() == 8


def test_a_branch_is_a_whole_version_of_another_run(store, tmp_path):
    commit(store, 4)
    target = VersionStore(tmp_path / "branch")
    branched = branch(store, 4, target, "other", NOON)
    assert branched == target.verify(4)
    assert (branched.run, branched.parent, branched.origin) == ("other", None, Origin(run="test", version=4))
    store.delete(4)
    store.collect()
    assert target.open(4).state("actor-0")["steps"] == 4
    with pytest.raises(CheckpointError, match="expected no version where a branch begins, found version 4"):
        branch(target, 4, target, "third", NOON)


def test_a_damaged_version_is_not_branched(store, tmp_path):
    records = commit(store, 4).files
    put(store, records[-1].path, b"x" * records[-1].size)
    with pytest.raises(CheckpointError, match=f"{records[-1].path}: expected sha256"):
        branch(store, 4, VersionStore(tmp_path / "branch"), "other", NOON)
    assert VersionStore(tmp_path / "branch").newest() is None


@pytest.mark.parametrize("point", ["before_write", "before_rename"])
def test_a_manifest_that_cannot_be_written_makes_no_version(store, point):
    records = prepare(store, 1)
    with armed(f"checkpoint.manifest.{point}=error"), pytest.raises(UnavailableError, match="failpoint"):
        store.commit(make_manifest(1, records))
    assert store.newest() is None
    store.abort(1)
    assert store.sweep().deleted
    assert files(store) == set()


def test_an_id_is_given_once_whatever_becomes_of_the_version(store):
    assert [store.reserve(), store.reserve()] == [1, 2]
    commit(store, 2)
    prepare(store, store.reserve())
    store.abort(3)
    store.sweep()
    assert store.reserve() == 4
    store.delete(2)
    assert store.reserve() == 5
    assert store.versions() == ()
