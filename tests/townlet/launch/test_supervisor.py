"""Real processes: started, restarted, stopped in order."""

import sys
import time

import pytest

from townlet.launch import supervisor as module
from townlet.launch.log_tail import last_words
from townlet.launch.supervisor import Child, Supervisor

PATIENT = (
    "import signal, time; signal.signal(signal.SIGTERM, lambda *_: exit(0)); print('up', flush=True); time.sleep(60)"
)


@pytest.fixture
def supervisor():
    supervisor = Supervisor()
    yield supervisor
    supervisor.stop(hurry=lambda: True)


@pytest.fixture
def child(tmp_path):
    def make(name: str, program: str, stop_rank: int = 0) -> Child:
        return Child(name, [sys.executable, "-c", program], tmp_path / f"{name}.log", stop_rank)

    return make


def wait_until(condition, timeout_s=20.0):
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def test_a_death_is_told_once_with_its_exit_code_and_last_words(supervisor, child):
    supervisor.start(child("brief", "print('so long'); exit(3)"))
    deaths = wait_until(supervisor.poll)
    assert [(d.child.name, d.exit_code, d.reason) for d in deaths] == [("brief", 3, "so long")]
    assert supervisor.poll() == []


def test_what_died_is_started_again_after_a_pause_that_grows(supervisor, child, monkeypatch):
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.01)
    brief = child("brief", "exit(1)")
    brief.pause_s = 0.01
    supervisor.start(brief)
    pauses = []
    for _ in range(3):
        wait_until(supervisor.poll)
        pauses.append(brief.pause_s)
    assert brief.restarts == 2
    assert pauses == [0.02, 0.04, 0.08]


def test_processes_are_stopped_rank_after_rank(supervisor, child, tmp_path):
    note = (
        "import signal, sys, time\n"
        "def end(*_):\n"
        f"    open({str(tmp_path / 'order')!r}, 'a').write(sys.argv[0] and NAME + ' '); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end); print('up', flush=True); time.sleep(60)"
    )
    for name, rank in (("last", 2), ("first", 0), ("second", 1)):
        supervisor.start(child(name, f"NAME = {name!r}\n{note}", rank))
    wait_until(lambda: all("up" in c.log.read_text() for c in supervisor.children))
    supervisor.stop(hurry=lambda: False)
    assert (tmp_path / "order").read_text().split() == ["first", "second", "last"]


def test_who_does_not_end_within_the_grace_time_is_killed(supervisor, child, monkeypatch):
    monkeypatch.setattr(module, "STOP_GRACE_S", 0.2)
    stubborn = child("stubborn", PATIENT.replace("exit(0)", "None"))
    supervisor.start(stubborn)
    wait_until(lambda: "up" in stubborn.log.read_text())
    supervisor.stop(hurry=lambda: False)
    assert stubborn.process.poll() == -9


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("", ""),
        ("first\nlast\n\n", "last"),
        ('{"level": "info", "event": "started"}\n{"level": "error", "reason": "no disk"}\ngrpc noise\n', "no disk"),
        ('{"level": "error", "reason": "no disk"}\n{"level": "info", "event": "started"}\nnoise\n{}\n', "noise"),
        (
            '{"level": "error", "event": "crashed", "exception": "Traceback\\n  x\\nValueError: odd"}\n',
            "ValueError: odd",
        ),
    ],
)
def test_the_last_words_are_the_reason_of_the_last_error(tmp_path, log, words):
    path = tmp_path / "log"
    path.write_text(log)
    assert last_words(path) == words


def test_who_may_leave_is_started_again_when_it_dies_and_not_when_it_leaves(supervisor, child, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.01)
    mark = tmp_path / "mark"
    program = f"import pathlib; p = pathlib.Path({str(mark)!r}); e = p.exists(); p.touch(); exit(0 if e else 1)"
    leaver = child("leaver", program)
    leaver.may_leave, leaver.pause_s = True, 0.01
    supervisor.start(leaver)
    (first,) = wait_until(supervisor.poll)
    assert (first.exit_code, first.for_good) == (1, False)
    (second,) = wait_until(supervisor.poll)
    assert (second.exit_code, second.for_good) == (0, True)
    time.sleep(0.1)
    assert supervisor.poll() == []
    assert (leaver.restarts, leaver.process) == (1, None)
