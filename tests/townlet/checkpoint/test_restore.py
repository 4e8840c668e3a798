"""The newest version becomes a copy of an older one, or nothing changes."""

import pytest
from small_versions import NOON, commit, learner_state, segment

from townlet.checkpoint.restore import copy_as_newest
from townlet.checkpoint.store import VersionStore
from townlet.errors import CheckpointError, UnavailableError
from townlet.failpoints import armed


@pytest.fixture
def store(tmp_path):
    store = VersionStore(tmp_path)
    commit(store, 1, (1, 2))
    commit(store, 2, (2, 3))
    return store


def test_the_copy_holds_what_the_older_one_does_and_outlives_it(store):
    manifest = store.manifest(1)
    copy = copy_as_newest(store, manifest, NOON)
    assert (copy.version, copy.parent, copy.restores, store.newest()) == (3, 1, 1, 3)
    assert copy.counters == manifest.counters
    assert copy.of("replay-0") == store.manifest(3).of("replay-0")
    assert [record.path for record in copy.files if record.is_segment] == [
        record.path for record in manifest.files if record.is_segment
    ]
    for gone in (1, 2):
        store.delete(gone)
    store.collect()
    opened = store.open(3)
    assert opened.state("learner")["updates"] == learner_state(1)["updates"]
    assert [opened.read(record) for record in opened.segments("replay-0")] == [segment(1), segment(2)]


def test_a_copy_can_be_restored_in_its_turn(store):
    copy_as_newest(store, store.manifest(1), NOON)
    copy = copy_as_newest(store, store.manifest(3), NOON)
    assert (copy.version, copy.parent, copy.restores) == (4, 3, 3)
    assert store.open(4).state("learner")["updates"] == learner_state(1)["updates"]


@pytest.mark.parametrize("place", ["restore.before_commit", "checkpoint.manifest.before_rename"])
def test_a_disk_that_refuses_leaves_the_newest_as_it_was(store, place):
    before = store._files.sizes()
    with armed(f"{place}=error"), pytest.raises(UnavailableError):
        copy_as_newest(store, store.manifest(1), NOON)
    assert store.newest() == 2
    after = store._files.sizes()
    after.pop("reserved")
    assert after == before


def test_a_damaged_version_is_not_copied(store, tmp_path):
    path = tmp_path / "000001" / "actor-1.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"000001/actor-1\.safetensors: expected sha256"):
        copy_as_newest(store, store.manifest(1), NOON)
    assert store.newest() == 2
    assert [listed.version for listed in store.versions()] == [1, 2]
