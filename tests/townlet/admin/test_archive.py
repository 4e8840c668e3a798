"""What is told of versions and done with them, the same with a learner and without one."""

import time
from pathlib import Path

import pytest
from small_versions import commit

from townlet.admin.archive import Archive, store_of
from townlet.config_file import load_config
from townlet.errors import CheckpointError, InvalidRequestError, RefusedError
from townlet.failpoints import armed
from townlet.launch.redis_server import server_url
from townlet.run_folder import RunFolder

L0 = Path(__file__).parents[3] / "configs" / "L0_minimal.yaml"


@pytest.fixture
def config(tmp_path):
    folder = RunFolder(tmp_path / "test")
    return load_config(
        L0,
        [
            *(f"run.root={tmp_path}", "run.name=test", "learner.address=127.0.0.1:7000"),
            *("replay.addresses=['10.0.0.7:8000', '127.0.0.1:8001']", f"replay.redis_url={server_url(folder.redis)}"),
        ],
    )


@pytest.fixture
def store(config):
    store = store_of(config)
    commit(store, 1, (1, 2))
    commit(store, 2, (2, 3), parent=1, restores=1, set_values={"learner.learning_rate": 0.5})
    store.pin(1)
    return store


def test_versions_are_listed_and_shown(config, store):
    archive = Archive(config)
    first, second = archive.versions().versions
    assert (first.version, first.pinned, first.parent, first.segment_bytes) == (1, True, 0, 200)
    assert (second.version, second.pinned, second.parent, second.restores) == (2, False, 1, 1)
    assert second.counters == {"updates": 20}
    assert second.created_at == "2026-11-21T12:00:00+00:00"
    shown = archive.show(2)
    assert [(value.key, value.value) for value in shown.set_values] == [("learner.learning_rate", 0.5)]
    assert sum(file.size for file in shown.files) == second.own_bytes + second.segment_bytes
    assert list(shown.members) == ["learner", "actor-0", "actor-1", "replay-0"]


def test_a_version_that_cannot_be_read_is_listed_with_the_reason(config, store):
    manifest = Path(store.root) / "000002" / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b"lockstep", b"lockstop"))
    _, second = Archive(config).versions().versions
    assert "the file was altered" in second.unreadable


def test_each_component_that_is_good_is_told_and_the_damaged_file_is_named(config, store):
    archive, told = Archive(config), []
    archive.verify(1, told.append)
    assert [done.component for done in told] == ["learner", "actor-0", "actor-1", "replay-0"]
    assert told[-1].bytes_done == told[-1].bytes_total > told[0].bytes_done
    path = Path(store.root) / "000001" / "actor-0.json"
    path.write_bytes(path.read_bytes()[:-1])
    told.clear()
    with pytest.raises(CheckpointError, match=r"000001/actor-0\.json: expected \d+ bytes, found"):
        archive.verify(1, told.append)
    assert [done.component for done in told] == ["learner"]


def test_what_is_pinned_or_stood_on_is_not_deleted(config, store):
    archive = Archive(config, lambda: 2)
    with pytest.raises(RefusedError, match="delete 1: expected a version that is not pinned; unpin it first"):
        archive.delete(1)
    with pytest.raises(RefusedError, match="delete 2: the run stands on this version"):
        archive.delete(2)
    assert len(archive.versions().versions) == 2
    archive.unpin(1)
    archive.unpin(1)
    archive.delete(1)
    with pytest.raises(CheckpointError, match="expected a version, found no such file"):
        archive.delete(1)
    assert {path.name for path in (Path(store.root) / "segments" / "replay-0").iterdir()} == {
        record.path.rpartition("/")[2] for record in store.manifest(2).files if record.is_segment
    }
    Archive(config).delete(2)
    assert not Archive(config).versions().versions


@pytest.mark.parametrize("act", ["show", "pin", "unpin", "delete"])
def test_an_unknown_version_is_refused(config, store, act):
    with pytest.raises(CheckpointError, match=r"000009/manifest\.json: expected a version, found no such file"):
        getattr(Archive(config), act)(9)


def test_a_branch_is_a_run_of_its_own(config, store, tmp_path):
    told = []
    path = Path(Archive(config).branch(1, "other", told.append))
    assert path == tmp_path / "other" / "config.yaml"
    assert told[-1].bytes_done == told[-1].bytes_total
    branched = load_config(path)
    assert branched.run.name == "other"
    assert branched.digest() == config.digest()
    assert branched.learner.address == "127.0.0.1:0"
    assert branched.replay.addresses == ("10.0.0.7:8000", "127.0.0.1:0")
    assert branched.replay.redis_url is None
    manifest = store_of(branched).verify(1)
    assert (manifest.run, manifest.origin.run, manifest.origin.version) == ("other", "test", 1)
    assert path.stat().st_mtime < time.time() - 1  # no command takes it for the latest run


def test_a_branch_takes_no_runs_place_and_goes_on_where_it_was_interrupted(config, store, tmp_path):
    archive = Archive(config)
    with armed("checkpoint.branch.before_manifest=error"), pytest.raises(Exception, match="failpoint"):
        archive.branch(1, "other", lambda _: None)
    archive.branch(1, "other", lambda _: None)
    (tmp_path / "other" / "config.yaml").unlink()  # it died just before
    archive.branch(1, "other", lambda _: None)
    with pytest.raises(RefusedError, match=r"branch other: expected the name of a new run, found .*other"):
        archive.branch(1, "other", lambda _: None)
    for name in ("a b", "../x", "", "-x"):
        with pytest.raises(InvalidRequestError, match=r"run\.name: expected String should match"):
            archive.branch(1, name, lambda _: None)


def test_two_who_branch_to_one_name_at_once_do_not_get_into_each_others_way(config, store):
    archive, refused = Archive(config), []

    def branch_again(_):
        with pytest.raises(
            RefusedError, match=r"branch other: expected the name of a new run, found one that is begun"
        ):
            archive.branch(1, "other", lambda _: None)
        refused.append(True)

    path = Path(archive.branch(1, "other", branch_again))
    assert refused
    assert load_config(path).run.name == "other"
    with pytest.raises(RefusedError, match=r"branch other: expected the name of a new run, found .*other"):
        archive.branch(1, "other", lambda _: None)


def test_versions_elsewhere_are_branched_beside_them(config, tmp_path):
    root = str(tmp_path / "elsewhere")
    config = config.model_copy(update={"checkpoint": config.checkpoint.model_copy(update={"root": root})})
    commit(store_of(config), 1)
    branched = load_config(Path(Archive(config).branch(1, "other", lambda _: None)))
    assert branched.checkpoint.root == f"{root}-other"
    store_of(branched).verify(1)
