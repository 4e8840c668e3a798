"""A run's folder belongs to one `townlet up`, and to its children for as long as they live."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from townlet.errors import UnavailableError
from townlet.launch import run_lock as module
from townlet.launch.run_lock import run_lock
from townlet.run_folder import RunFolder

ROOT = Path(__file__).parents[3]
CHILD = """
import signal, sys, time
from pathlib import Path
signal.signal(signal.SIGTERM, signal.SIG_IGN)
Path(sys.argv[1], "born").touch()
while not Path(sys.argv[1], "may_end").exists(): time.sleep(0.01)
time.sleep(0.5)
Path(sys.argv[1], "ended").touch()
"""
UP = f"""
import os, signal, sys, time
from pathlib import Path
from townlet.launch.run_lock import run_lock
from townlet.launch.supervisor import Child, Supervisor
from townlet.run_folder import RunFolder
folder = Path(sys.argv[1])
with run_lock(RunFolder(folder), print) as lock:
    Supervisor(lock).start(Child("child", [sys.executable, "-c", {CHILD!r}, str(folder)], folder / "log", 0))
    while not (folder / "born").exists(): time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def orphaned(tmp_path):
    """A folder whose `townlet up` was killed, and whose child lives on."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", UP, str(tmp_path)], env=environment, check=False, timeout=60)
    assert (tmp_path / "born").exists()
    yield tmp_path
    (tmp_path / "may_end").touch()


def test_whoever_comes_next_waits_for_the_children_of_one_that_was_killed(orphaned):
    told = []
    (orphaned / "may_end").touch()
    with run_lock(RunFolder(orphaned), told.append):
        assert (orphaned / "ended").exists()
    assert told == [f"{orphaned}: waiting for processes of a `townlet up` that was killed to end"]


def test_children_that_do_not_end_are_told(orphaned, monkeypatch):
    monkeypatch.setattr(module, "ENDING_LIMIT_S", 0.3)
    with pytest.raises(UnavailableError, match="still run after 0 s; end them"), run_lock(RunFolder(orphaned), print):
        pass


def test_a_folder_in_which_another_one_lives_is_refused_at_once(tmp_path):
    with (
        run_lock(RunFolder(tmp_path), print),
        pytest.raises(UnavailableError, match="another `townlet up` runs in this folder"),
        run_lock(RunFolder(tmp_path), print),
    ):
        pass


def test_what_was_left_of_one_that_has_ended_is_no_hindrance(tmp_path):
    for _ in range(2):
        with run_lock(RunFolder(tmp_path), pytest.fail):
            pass
