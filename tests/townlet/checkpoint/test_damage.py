"""Damage of every kind: all of it is found, by name, and the newest version without damage is known."""

import random
from pathlib import Path

import pytest
from damage import OF_ONE_FILE
from small_versions import commit

from townlet.checkpoint.store import VersionStore
from townlet.errors import CheckpointError

SEEDS, MUTATIONS = 2, 200
VERSIONS = (1, 2, 3, 4)


@pytest.fixture
def store(tmp_path):
    """Four versions; each shares a segment with the next."""
    store = VersionStore(tmp_path)
    for version in VERSIONS:
        commit(store, version, (version, version + 1))
    return store


def mutate(root: Path, paths: list[str], kind: str, chance: random.Random) -> list[str]:
    """Alter one file, or swap two; those that are altered."""
    path, other = chance.sample(paths, 2)
    contents = {name: (root / name).read_bytes() for name in (path, other)}
    if kind == "swap":
        altered = {path: contents[other], other: contents[path]}
    else:
        altered = {path: OF_ONE_FILE[kind](contents[path], chance)}
    for name, content in altered.items():
        if content is None:
            (root / name).unlink()
        else:
            (root / name).write_bytes(content)
    return list(altered)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_mutation_is_found_by_name_and_the_newest_good_version_is_known(store, tmp_path, seed):
    whole = {path: (tmp_path / path).read_bytes() for path in store._files.sizes()}
    needs = {
        version: {f"{version:06d}/manifest.json", *(record.path for record in store.manifest(version).files)}
        for version in VERSIONS
    }
    chance = random.Random(seed)
    for number in range(MUTATIONS):
        version, kind = chance.choice(VERSIONS), chance.choice([*OF_ONE_FILE, "swap"])
        altered = mutate(tmp_path, sorted(needs[version]), kind, chance)
        told = f"seed {seed}, mutation {number}: {kind} {altered}"
        with pytest.raises(CheckpointError) as found:
            store.open(version)
        assert any(path in str(found.value) for path in altered), told
        good = store.newest_good()
        expected = max((each for each in VERSIONS if not needs[each] & set(altered)), default=None)
        assert good.opened is not None, told
        assert good.opened.manifest.version == expected, told
        assert all(any(path in skipped.reason for path in altered) for skipped in good.skipped), told
        for path in altered:
            (tmp_path / path).write_bytes(whole[path])
    assert store.newest_good().skipped == ()


def test_a_swapped_component_is_found(store, tmp_path):
    for end in ("json", "safetensors"):
        mine, theirs = tmp_path / f"000004/actor-0.{end}", tmp_path / f"000004/actor-1.{end}"
        content = mine.read_bytes()
        mine.write_bytes(theirs.read_bytes())
        theirs.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"000004/actor-0.json: expected sha256"):
        store.open(4)
    assert store.newest_good().opened.manifest.version == 3


def test_when_every_version_is_damaged_each_is_reported(store, tmp_path):
    for version in VERSIONS:
        (tmp_path / f"{version:06d}/learner.json").unlink()
    good = store.newest_good()
    assert good.opened is None
    assert [skipped.version for skipped in good.skipped] == [4, 3, 2, 1]
