"""Media that refuse are unavailable, in one sentence, and nothing visible changes."""

import errno
import os

import pytest
from small_versions import commit, prepare

from townlet.checkpoint import local_files
from townlet.checkpoint.store import VersionStore
from townlet.errors import CheckpointError, ConfigError, UnavailableError


def test_a_path_and_a_file_url_are_the_same_place(tmp_path):
    commit(VersionStore(str(tmp_path)), 1)
    assert VersionStore(f"file://{tmp_path}").verify(1).version == 1


def test_a_url_of_a_kind_that_nobody_knows_is_refused():
    with pytest.raises(ConfigError, match="nosuch://place: expected a URL of a kind that is installed"):
        VersionStore("nosuch://place")


def test_a_full_disk_fails_the_file_and_leaves_nothing(tmp_path, monkeypatch):
    store = VersionStore(tmp_path)
    commit(store, 1)
    before = store._files.sizes()

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(local_files.os, "fsync", full)
    with pytest.raises(UnavailableError, match=r"000002.*cannot be written: No space left on device"):
        prepare(store, 2)
    monkeypatch.undo()
    assert store._files.sizes() == before
    assert store.newest() == 1


def test_who_looks_on_while_another_deletes_sees_what_is_left(tmp_path, monkeypatch):
    store = VersionStore(tmp_path)
    commit(store, 1)
    prepare(store, 2)
    whole = local_files._entries

    def entries(folder):
        found = whole(folder)
        if folder.name == "000002":
            monkeypatch.undo()
            VersionStore(tmp_path).abort(2)  # just after it was listed
        return found

    monkeypatch.setattr(local_files, "_entries", entries)
    assert store.newest() == 1
    assert [listed.version for listed in store.versions()] == [1]


def test_a_root_that_is_no_folder_cannot_be_written(tmp_path):
    (tmp_path / "root").write_bytes(b"")
    with pytest.raises(UnavailableError, match="cannot be written"):
        VersionStore(tmp_path / "root").write(1, "learner", "a", b"")


def test_a_file_that_became_a_folder_is_missing(tmp_path):
    store = VersionStore(tmp_path)
    commit(store, 1)
    (tmp_path / "000001/learner.json").unlink()
    (tmp_path / "000001/learner.json").mkdir()
    with pytest.raises(CheckpointError, match=r"000001/learner.json: expected \d+ bytes, found no such file"):
        store.open(1)


def test_what_the_medium_cannot_read_any_more_is_damaged_and_what_it_may_read_later_is_not(tmp_path, monkeypatch):
    store = VersionStore(tmp_path)
    commit(store, 1)
    commit(store, 2)
    real = local_files.Path.open

    def refusing(number):
        def opened(path, *arguments, **words):
            if path.name == "learner.json" and path.parent.name == "000002":
                raise OSError(number, os.strerror(number))
            return real(path, *arguments, **words)

        return opened

    monkeypatch.setattr(local_files.Path, "open", refusing(errno.EIO))
    good = store.newest_good()
    assert good.opened.manifest.version == 1
    assert "000002/learner.json" in good.skipped[0].reason
    monkeypatch.setattr(local_files.Path, "open", refusing(errno.ESTALE))
    with pytest.raises(UnavailableError, match=r"000002/learner.json: cannot be read"):
        store.newest_good()


def test_an_object_store_that_cannot_be_reached_is_unavailable(s3_options, free_port):
    options = {
        **s3_options,
        "endpoint_url": f"http://127.0.0.1:{free_port}",
        "config_kwargs": {"connect_timeout": 1, "retries": {"total_max_attempts": 1}},
    }
    store = VersionStore("s3://bucket/run", options)
    for act in (store.newest, lambda: store.write_segment("replay-0", b"a")):
        with pytest.raises(UnavailableError, match=r"s3://bucket/run/.*: cannot be"):
            act()
