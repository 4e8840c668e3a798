"""Lanes in worker processes. Needs no torch."""

import json
import mmap
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from itertools import pairwise

from townlet import errors
from townlet.launch.parent import PARENT_VARIABLE
from townlet.specs import EnvironmentSpec
from townlet.worlds.gymnasium.arrays import LaneArrays
from townlet.worlds.gymnasium.lane import check_failures
from townlet.worlds.gymnasium.lanes import Failure
from townlet.worlds.gymnasium.settings import GymnasiumSettings
from townlet.worlds.gymnasium.worker import RESET, STEP, Order

POLL_S = 0.05
OPEN_TIMEOUT_S = 60.0
"""Starting a process and making an environment may take so long where step_timeout_s limits the rest."""
PATIENCE = 1.5
"""A worker gives a hanging call up by itself after step_timeout_s; after so many of them the worker itself hangs."""
CLOSE_TIMEOUT_S = 2.0


class LostError(Exception):
    """A worker process is gone, or hangs."""


class LaneProcesses:
    """All lanes of a world, spread evenly over worker processes, which leave observations in shared memory.

    The same as `Lanes` from outside. A process that dies, or hangs where it cannot interrupt itself, is replaced; the
    episodes of all its lanes are dropped.
    """

    def __init__(
        self, settings: GymnasiumSettings, spec: EnvironmentSpec, lanes: int, seed: int, first_lane: int
    ) -> None:
        self._memory = _shared_memory(LaneArrays.size(spec.observation, spec.actions, lanes))
        bounds = [round(at * lanes / settings.workers) for at in range(settings.workers + 1)]
        orders = [
            Order(settings, spec, lanes, *rows, seed, first_lane) for rows in pairwise(bounds) if rows[0] < rows[1]
        ]
        self.arrays = orders[0].arrays(mmap.mmap(self._memory, 0))
        self._workers = [LaneProcess(order, self._memory, self.arrays) for order in orders]

    def reset(self) -> list[Failure]:
        """Start the next episode in every lane. Raises WorldError."""
        return self._all(RESET)

    def step(self) -> list[Failure]:
        """Take one action in every lane. Raises WorldError."""
        return self._all(STEP)

    def close(self) -> None:
        """End all processes."""
        for worker in self._workers:
            worker.close()
        os.close(self._memory)

    def _all(self, command: bytes) -> list[Failure]:
        for worker in self._workers:
            worker.send(command)
        return [failure for worker in self._workers for failure in worker.answer()]


class LaneProcess:
    """One worker process, and the one that replaces it."""

    def __init__(self, order: Order, memory: int, arrays: LaneArrays) -> None:
        self._order = order
        self._memory = memory
        self._arrays = arrays
        self._rows = slice(order.begin, order.end)
        self._timeout_s = order.settings.step_timeout_s
        self._start()

    def send(self, command: bytes) -> None:
        """Give a command. A process that is gone is noticed when its answer is missing."""
        with suppress(OSError):
            self._socket.sendall(command)

    def answer(self) -> list[Failure]:
        """Wait for the command's end; a process that is lost meanwhile is replaced."""
        try:
            return self._read()
        except LostError as lost:
            failures = self._lose(str(lost))
        while True:
            self._start()
            self.send(RESET)
            try:
                return failures + self._read()
            except LostError as lost:
                failures += self._lose(str(lost))

    def close(self) -> None:
        """End the process: kindly, then not."""
        self._socket.close()
        try:
            self._process.wait(CLOSE_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._kill()

    def _start(self) -> None:
        self._arrays.opening[self._rows] = True
        self._socket, theirs = socket.socketpair()
        command = (sys.executable, "-m", "townlet.worlds.gymnasium.worker", str(theirs.fileno()), str(self._memory))
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=2,  # what an environment prints is no output of ours
            pass_fds=(theirs.fileno(), self._memory),
            env={**os.environ, PARENT_VARIABLE: str(os.getpid()), "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        theirs.close()
        self.send(self._order.to_json().encode() + b"\n")

    def _read(self) -> list[Failure]:
        """Raises LostError, or what the worker raised."""
        line = b""
        self._socket.settimeout(None if self._timeout_s is None else POLL_S)
        calls, moved_s = self._calls(), time.monotonic()
        while not line.endswith(b"\n"):
            try:
                received = self._socket.recv(2**16)
            except TimeoutError:
                if self._calls() != calls:
                    calls, moved_s = self._calls(), time.monotonic()
                elif time.monotonic() - moved_s > self._limit_s():
                    raise LostError(
                        f"no answer within {self._timeout_s:g} s, and it could not be interrupted"
                    ) from None
                continue
            except OSError:
                received = b""
            if not received:
                raise LostError(f"its worker process ended with exit code {self._process.wait()}")
            line += received
        answer = json.loads(line)
        if isinstance(answer, dict):
            raise getattr(errors, answer["error"])(answer["message"])
        return [Failure(lane, reason) for lane, reason in answer]

    def _lose(self, reason: str) -> list[Failure]:
        """Drop what the process was doing."""
        self._kill()
        self._socket.close()
        arrays, rows = self._arrays, self._rows
        arrays.failures[rows] += 1
        worst = int(arrays.failures[rows].argmax()) + self._order.begin
        check_failures(self._order.settings.id, self._order.first_lane + worst, int(arrays.failures[worst]), reason)
        arrays.dropped[rows] = True
        arrays.terminated[rows] = arrays.truncated[rows] = False
        arrays.reward[rows] = 0.0
        return [Failure(row, reason) for row in range(self._order.begin, self._order.end)]

    def _kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def _calls(self) -> int:
        return int(self._arrays.calls[self._rows].sum())

    def _limit_s(self) -> float:
        assert self._timeout_s is not None
        return OPEN_TIMEOUT_S if self._arrays.opening[self._rows].any() else PATIENCE * self._timeout_s + POLL_S


def _shared_memory(size: int) -> int:
    """A file descriptor of so many bytes of zeros, which vanish with the last process that holds it."""
    if sys.platform == "linux":
        memory = os.memfd_create("townlet-lanes")
    else:
        with tempfile.TemporaryFile() as file:
            memory = os.dup(file.fileno())
    os.ftruncate(memory, size)
    return memory
