"""Whatever is damaged in a version of a real run, everybody finds it, names the file, and has changed nothing by then.

Repeatable: the seed and the number of a damage are in each message.
"""

from itertools import islice
from random import Random

import pytest
from complete_run import copy_of
from damage import Damages
from taking_up import ActorThatTakesUp, LearnerThatTakesUp, ShardThatTakesUp

from townlet.checkpoint.manifest import folder_of
from townlet.checkpoint.store import VersionStore
from townlet.config_file import load_config
from townlet.errors import CheckpointError

SEED = 20261121


@pytest.fixture
def run(finished_run, tmp_path):
    return copy_of(finished_run, tmp_path)


@pytest.fixture
def shard(run, short_folder, free_port):
    shard = ShardThatTakesUp(short_folder, run, free_port)
    yield shard
    shard.stop()


def files_of(manifest) -> dict[str, str]:
    """Whose each file of a version is; the manifest is everybody's."""
    return {record.path: record.component for record in manifest.files} | {
        f"{folder_of(manifest.version)}/manifest.json": "all"
    }


def refused(someone, take_up, damage, told: str) -> None:
    """Whoever takes up a damaged version says which file is damaged, and is as before."""
    before = someone.digest()
    with pytest.raises(CheckpointError) as found:
        take_up()
    assert any(path in str(found.value) for path in damage.altered), f"{told}: {found.value}"
    assert someone.digest() == before, told


def check_fallback(learner, manifests, damage, told: str) -> None:
    """The newest version that needs none of the altered files is taken up, if there is one."""
    whole = [manifest for manifest in manifests if not files_of(manifest).keys() & damage.altered.keys()]
    if not whole:
        refused(learner, lambda: learner.take_up(fallback=True), damage, told)
        return
    resumed = learner.take_up(fallback=True)
    assert resumed.manifest == whole[-1], told
    newer = [manifest.version for manifest in manifests if manifest.version > whole[-1].version]
    assert [passed.version for passed in resumed.passed_over] == newer[::-1], told
    for passed in resumed.passed_over:
        assert any(path in passed.reason for path in damage.altered), f"{told}: {passed.reason}"
    assert learner.learning.updates == whole[-1].counters["updates"], told


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("damages", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_all_damage_is_found_by_everybody_before_anything_changes_and_fallback_passes_it_over(run, shard, damages):
    config, store = load_config(run / "config.yaml"), VersionStore(run / "versions")
    manifests = [listed.manifest for listed in store.versions()]
    older, newest = manifests[-2:]
    learner, fallen_back = LearnerThatTakesUp(config, store), LearnerThatTakesUp(config, store)
    others = {f"actor-{index}": ActorThatTakesUp(config, store, index) for index in (0, 1)} | {"replay-0": shard}
    owner = files_of(newest)
    shard.take_up(older.version)
    table = shard.table(900_000)
    sequence = Damages(run / "versions", newest, older, Random(SEED))
    for number, damage in enumerate(islice(sequence, damages)):
        told = f"seed {SEED}, damage {number}, {damage}"
        owners = {owner[path] for path in damage.altered}
        with damage.done_to(run / "versions"):
            refused(learner, learner.take_up, damage, told)
            for name, someone in others.items():
                if {"all", name} & owners:
                    refused(someone, lambda someone=someone: someone.take_up(newest.version), damage, told)
            check_fallback(fallen_back, manifests, damage, told)
    assert shard.table(900_001) == table
    assert learner.take_up().manifest == newest  # and what is not damaged, all of them take up
    assert learner.learning.updates == newest.counters["updates"]
    for someone in others.values():
        before = someone.digest()
        someone.take_up(newest.version)
        assert someone.digest() != before
