"""Lets callers through one at a time, in the order in which they came, each once its condition holds."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Result = TypeVar("Result")


@dataclass(eq=False)
class _Waiter(Generic[Result]):
    ready: Callable[[], bool]
    work: Callable[[], Result]
    done: asyncio.Future[Result]
    began_s: float


class Turnstile(Generic[Result]):
    """For one event loop. Nobody overtakes: the first in line holds back all behind it."""

    def __init__(self) -> None:
        self._waited_s = 0.0
        self._in_line: set[_Waiter[Result]] = set()
        self._line: deque[_Waiter[Result]] = deque()

    @property
    def waited_s(self) -> float:
        """Seconds that all callers together have spent in line, up to now."""
        now_s = time.monotonic()
        return self._waited_s + sum(now_s - waiter.began_s for waiter in self._in_line)

    @property
    def waiting(self) -> int:
        """How many stand in line."""
        return len(self._line)

    async def enter(self, ready: Callable[[], bool], work: Callable[[], Result], wait_s: float) -> Result | None:
        """What `work` returns, called as soon as everyone before has gone and `ready` says so; None after `wait_s`."""
        if not self._line and ready():
            return work()
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        waiter = _Waiter(ready, work, done, time.monotonic())
        self._line.append(waiter)
        self._in_line.add(waiter)
        self.look_again()
        try:
            async with asyncio.timeout(wait_s):
                return await done
        except TimeoutError:
            return None if done.cancelled() else done.result()  # its turn may have come in the last moment
        finally:
            self._in_line.remove(waiter)
            self._waited_s += time.monotonic() - waiter.began_s
            if waiter in self._line:
                self._line.remove(waiter)
                self.look_again()

    def turn_away(self, error: Exception) -> None:
        """Nobody in line gets through: each is told the error."""
        while self._line:
            waiter = self._line.popleft()
            if not waiter.done.cancelled():
                waiter.done.set_exception(error)

    def look_again(self) -> None:
        """Something has changed: let through who may go now."""
        while self._line and self._line[0].ready():
            waiter = self._line.popleft()
            if waiter.done.cancelled():  # its caller has gone away, and only has to be told so
                continue
            try:
                waiter.done.set_result(waiter.work())
            except Exception as error:  # it belongs to the caller in line, whoever makes us look
                waiter.done.set_exception(error)
