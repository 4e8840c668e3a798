"""Orders to die at a failpoint, given to a run that is under way, and what has become of them."""

import time
from dataclasses import dataclass
from pathlib import Path

PATIENCE_S = 30.0
"""So long an order waits for somebody to pass."""


@dataclass(frozen=True)
class Claimed:
    """An order that a process has obeyed."""

    failpoint: str
    action: str
    pid: int


@dataclass(frozen=True)
class _Open:
    failpoint: str
    action: str
    until_s: float


class Orders:
    """Files in the folder that TOWNLET_FAILPOINT_ORDERS names to the run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: list[_Open] = []

    @property
    def open(self) -> bool:
        """Whether an order waits for somebody to pass."""
        return bool(self._open)

    def give(self, failpoint: str, action: str = "kill") -> None:
        """The next process that passes there obeys. An order that already waits there is replaced."""
        temporary = self._folder / ".order"
        temporary.write_text(action)
        temporary.rename(self._folder / failpoint)
        self._open = [order for order in self._open if order.failpoint != failpoint]
        self._open.append(_Open(failpoint, action, time.monotonic() + PATIENCE_S))

    def settle(self) -> tuple[list[Claimed], list[str]]:
        """Orders obeyed since the last time, and the failpoints of those that are withdrawn, since nobody passed."""
        claimed, withdrawn, still = [], [], []
        for order in self._open:
            if time.monotonic() > order.until_s:
                (self._folder / order.failpoint).unlink(missing_ok=True)
            if (pid := self._claimer(order.failpoint)) is not None:
                claimed.append(Claimed(order.failpoint, order.action, pid))
            elif time.monotonic() > order.until_s:
                withdrawn.append(order.failpoint)
            else:
                still.append(order)
        self._open = still
        return claimed, withdrawn

    def _claimer(self, failpoint: str) -> int | None:
        for path in self._folder.glob(f"{failpoint}.*"):
            pid = path.name.rpartition(".")[2]
            if path.name == f"{failpoint}.{pid}" and pid.isdecimal():
                path.unlink()
                return int(pid)
        return None
