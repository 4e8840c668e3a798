"""Failpoints do what they are told, nothing unless told, and all are known."""

import ast
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from townlet.errors import ConfigError, UnavailableError
from townlet.failpoints import NAMES, ORDERS_VARIABLE, VARIABLE, armed, failpoint

ROOT = Path(__file__).parents[2]
NAME, OTHER = NAMES[0], NAMES[1]


def named_in(path: Path) -> list[str]:
    """What each call of `failpoint` in a file names. A name that is put together at run time fails the test."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    calls = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "failpoint"]
    return [ast.literal_eval(call.args[0]) for call in calls]


def test_every_name_in_the_code_is_in_the_list_and_every_name_in_the_list_is_in_the_code_once():
    packages = ("townlet", "actor", "learner", "replay_service")
    found = [name for package in packages for path in (ROOT / package).rglob("*.py") for name in named_in(path)]
    assert sorted(found) == sorted(NAMES)


def test_nothing_happens_unless_it_is_armed():
    failpoint(NAME)
    with armed(f"{OTHER}=error"):
        failpoint(NAME)


def test_an_error_is_raised_each_time_until_it_is_disarmed():
    with armed(f"{NAME}=error"):
        for _ in range(2):
            with pytest.raises(UnavailableError, match=NAME):
                failpoint(NAME)
    failpoint(NAME)


def test_only_the_named_passing_counts():
    with armed(f"{NAME}=error@3, {OTHER}=error"):
        failpoint(NAME)
        failpoint(NAME)
        with pytest.raises(UnavailableError):
            failpoint(NAME)
        failpoint(NAME)


def test_it_dawdles_as_long_as_it_is_told():
    with armed(f"{NAME}=sleep:0.05"):
        begun = time.monotonic()
        failpoint(NAME)
        assert time.monotonic() - begun >= 0.05


@pytest.mark.parametrize(("action", "status"), [("kill", -signal.SIGKILL), ("exit", 70)])
def test_a_process_dies_there_when_its_environment_says_so(action, status):
    program = f"from townlet.failpoints import failpoint; failpoint({NAME!r}); failpoint({NAME!r}); print('alive')"
    environment = {**os.environ, VARIABLE: f"{NAME}={action}@2"}
    died = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, check=False, capture_output=True)
    assert (died.returncode, died.stdout) == (status, b"")


@pytest.mark.parametrize("order", ["nowhere=kill", NAME, f"{NAME}=explode", f"{NAME}=sleep", f"{NAME}=kill@often"])
def test_an_order_that_cannot_be_followed_is_refused(order):
    with pytest.raises(ConfigError, match=VARIABLE), armed(order):
        pass


def test_an_order_is_obeyed_by_the_first_process_that_passes_there_once(tmp_path):
    passing = f"from townlet.failpoints import failpoint; [failpoint({NAME!r}) for _ in range(3)]"
    environment = {**os.environ, ORDERS_VARIABLE: str(tmp_path)}

    def live() -> int:
        return subprocess.run([sys.executable, "-c", passing], cwd=ROOT, env=environment, check=False).returncode

    (tmp_path / OTHER).write_text("kill")
    assert live() == 0
    (tmp_path / NAME).write_text("kill")
    assert [live(), live()] == [-signal.SIGKILL, 0]
    assert [path.name.rpartition(".")[0] for path in tmp_path.iterdir() if path.name != OTHER] == [NAME]
