"""A version that is visible and not whole is seen, and one that goes away without a newer one."""

import shutil
from pathlib import Path

import pytest
from small_versions import commit_tiny

from chaos.version_watch import VersionWatch
from townlet.checkpoint.store import VersionStore


@pytest.fixture
def store(tmp_path):
    store = VersionStore(tmp_path)
    for version in (1, 2):
        commit_tiny(store, version, (7, version))
    return store


@pytest.fixture
def watch(store):
    watch = VersionWatch(store)
    assert (watch.check(), watch.verified) == ([], 2)
    return watch


@pytest.mark.parametrize("name", ["actor-0.safetensors", "manifest.json"])
def test_a_version_that_is_visible_and_not_whole_is_torn(store, watch, name):
    path = Path(store.root, "000001", name)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1])
    assert [violation.kind for violation in watch.check()] == ["torn"]


def test_a_version_that_is_deleted_is_none(store, watch):
    store.delete(1)
    assert watch.check() == []


def test_the_newest_version_does_not_go_away(store, watch):
    shutil.rmtree(Path(store.root, "000002"))
    assert [violation.kind for violation in watch.check()] == ["gone"]


def test_a_version_owes_what_was_acknowledged_before_it_was_begun(store):
    watch = VersionWatch(store)
    watch.note({(0, "a", 1): 3, (1, "b", 1): 1})
    version = store.reserve()
    watch.note({(0, "a", 1): 7, (1, "b", 1): 2})
    watch.note({(0, "a", 1): 9})
    assert watch.floor(version, 0) == {("a", 1): 3}
    assert watch.floor(version, 1) == {("b", 1): 1}
