"""Starts processes, restarts those that die, stops them in order."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path

from townlet.launch.log_tail import last_words
from townlet.launch.parent import PARENT_VARIABLE

FIRST_PAUSE_S = 0.5
LAST_PAUSE_S = 10.0
HEALTHY_S = 20.0
"""A process that lived this long starts with the first pause again."""

STOP_GRACE_S = 30.0
STOP_POLL_S = 0.02


@dataclass
class Child:
    """One process of the run, through all its restarts.

    stop_rank: those with a smaller one are stopped first.
    may_leave: whether it has left for good when it ends with exit code 0; else it is started again however it ends.
    """

    name: str
    command: Sequence[str]
    log: Path
    stop_rank: int
    may_leave: bool = False
    restarts: int = 0
    process: "subprocess.Popen[bytes] | None" = None
    started_s: float = 0.0
    restart_at_s: float = 0.0
    pause_s: float = FIRST_PAUSE_S


@dataclass(frozen=True)
class Death:
    """A child that ended by itself. reason: its last words. for_good: it is not started again."""

    child: Child
    exit_code: int
    reason: str
    for_good: bool = False


@dataclass
class Supervisor:
    """All processes of one run. Not a thread: `poll` does what is due.

    lock: a file that every child keeps open for as long as it lives; None for none. environment: variables that they
    get besides our own.
    """

    lock: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    children: list[Child] = field(default_factory=list)

    def start(self, child: Child) -> None:
        """Start a process and watch it from now on."""
        self.children.append(child)
        self._spawn(child)

    def poll(self) -> list[Death]:
        """Notice who has died since the last time, and restart whose pause is over."""
        deaths = []
        now_s = time.monotonic()
        for child in self.children:
            if child.process is not None and child.process.poll() is not None:
                left = child.may_leave and child.process.returncode == 0
                deaths.append(Death(child, child.process.returncode, last_words(child.log), left))
                self._schedule_restart(child, now_s)
                child.restart_at_s = inf if left else child.restart_at_s
            elif child.process is None and now_s >= child.restart_at_s:
                child.restarts += 1
                self._spawn(child)
        return deaths

    def stop(self, hurry: Callable[[], bool]) -> None:
        """SIGTERM, rank after rank; SIGKILL to those that outlast the grace time, or to all once `hurry` says so."""
        for rank in sorted({child.stop_rank for child in self.children}):
            leaving = [child.process for child in self.children if child.stop_rank == rank and child.process]
            for process in leaving:
                process.terminate()
            deadline_s = time.monotonic() + STOP_GRACE_S
            while any(process.poll() is None for process in leaving) and time.monotonic() < deadline_s and not hurry():
                time.sleep(STOP_POLL_S)
            for process in leaving:
                process.kill()
                process.wait()

    def _spawn(self, child: Child) -> None:
        child.log.parent.mkdir(parents=True, exist_ok=True)
        with child.log.open("ab") as log:
            child.process = subprocess.Popen(
                child.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment, PARENT_VARIABLE: str(os.getpid())},
                pass_fds=() if self.lock is None else (self.lock,),
                start_new_session=True,  # Ctrl-C is ours; the children are stopped in order
            )
        child.started_s = time.monotonic()

    def _schedule_restart(self, child: Child, now_s: float) -> None:
        lived_s = now_s - child.started_s
        child.pause_s = FIRST_PAUSE_S if lived_s >= HEALTHY_S else min(2 * child.pause_s, LAST_PAUSE_S)
        child.restart_at_s = now_s + child.pause_s
        child.process = None


def python_module(module: str, *arguments: str) -> list[str]:
    """A command that runs a module with this interpreter."""
    return [sys.executable, "-m", module, *arguments]
