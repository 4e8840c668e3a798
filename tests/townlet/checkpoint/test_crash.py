"""A process that is killed anywhere in the store's work leaves whole versions, and a sweep clears up the rest."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from small_versions import actor_state

from townlet.checkpoint.store import VersionStore
from townlet.failpoints import NAMES

ROOT = Path(__file__).parents[3]
POINTS = [name for name in NAMES if name.startswith("checkpoint.")]

# One process that stays alone (threads do not survive a fork) forks one for each failpoint and each time it is passed.
PROGRAM = """
import json, os, signal, sys
from small_versions import commit_tiny, life
from townlet.checkpoint.store import VersionStore
from townlet.failpoints import armed

killed = []
for name in sys.argv[2:]:
    for time in range(1, 1000):
        folder = f"{sys.argv[1]}/{name}-{time}"
        commit_tiny(VersionStore(folder), 1, (1, 2))
        child = os.fork()
        if child == 0:
            with armed(f"{name}=kill@{time}"):
                life(folder)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        if status == 0:
            break
        assert status == signal.SIGKILL, (folder, status)
        killed.append([name, folder])
print(json.dumps(killed))
"""


def whole(folder: str) -> list[int]:
    """The versions in a folder; each is checked in every byte."""
    store = VersionStore(folder)
    versions = [listed.version for listed in store.versions()]
    for version in versions:
        found, expected = store.open(version).state("actor-0"), actor_state(version, 0)
        assert (found["steps"], found["lanes"].tolist()) == (expected["steps"], expected["lanes"].tolist()), folder
    return versions


def check(folder: str) -> None:
    """What a killed process left: whole versions, and after a sweep nothing else."""
    store, before = VersionStore(folder), whole(folder)
    assert before in ([1], [1, 2], [2]), folder
    store.sweep()
    assert whole(folder) == before
    needed = {f"{version:06d}/manifest.json" for version in before} | {"pins/000002"}
    needed |= {record.path for version in before for record in store.manifest(version).files}
    assert set(store._files.sizes()) <= needed, folder
    assert store._files.sizes().keys() >= needed - {"pins/000002"}, folder
    assert {int(name) for name in store._files.folders() if name.isdecimal()} == set(before), folder
    assert store.sweep().deleted == (), folder
    assert whole(f"{folder}-branch") in ([], [2]), folder


@pytest.mark.timeout(900)  # hundreds of processes
def test_whenever_a_process_is_killed_each_version_is_whole_or_is_none(tmp_path):
    paths = {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests/support'}"}
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), *POINTS]
    done = subprocess.run(command, env=paths, check=False, capture_output=True, text=True, timeout=800)
    assert done.returncode == 0, done.stderr
    killed = json.loads(done.stdout)
    assert {name for name, _ in killed} == set(POINTS)
    for _, folder in killed:
        check(folder)
