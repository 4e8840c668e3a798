"""One `townlet up` in a run's folder, and none while processes of an earlier one still end."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from townlet.errors import UnavailableError
from townlet.run_folder import RunFolder

ENDING_LIMIT_S = 60.0
"""Longer than any service takes to stop."""
POLL_S = 0.1


@contextmanager
def run_lock(folder: RunFolder, tell: Callable[[str], None]) -> Iterator[int]:
    """Have the folder to oneself. What is yielded is a file that children shall inherit: each keeps the lock.

    Else two shards would write to one log, and two learners make versions, after `townlet up` was killed and started
    again at once. tell: what is waited for. Raises UnavailableError when somebody else has the folder.
    """
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
        file = os.open(folder.path / ".lock", os.O_CREAT | os.O_RDWR, 0o644)
    except OSError as error:
        raise UnavailableError(f"{folder.path}: cannot write the run's folder: {error.strerror}") from None
    try:
        if not _taken(file):
            _wait_for_orphans(file, folder, tell)
        os.pwrite(file, f"{os.getpid():<20}".encode(), 0)
        yield file
    finally:
        os.close(file)


def _wait_for_orphans(file: int, folder: RunFolder, tell: Callable[[str], None]) -> None:
    if _lives(os.pread(file, 20, 0)):
        raise UnavailableError(f"{folder.path}: another `townlet up` runs in this folder; choose another --run")
    tell(f"{folder.path}: waiting for processes of a `townlet up` that was killed to end")
    until_s = time.monotonic() + ENDING_LIMIT_S
    while not _taken(file):
        if time.monotonic() > until_s:
            raise UnavailableError(
                f"{folder.path}: processes of a `townlet up` that was killed still run after {ENDING_LIMIT_S:.0f} s; "
                "end them, then start the run again"
            )
        time.sleep(POLL_S)


def _taken(file: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _lives(holder: bytes) -> bool:
    """Whether the process that wrote its ID lives. One that has not come to writing it does."""
    try:
        os.kill(int(holder), 0)
    except ProcessLookupError:
        return False
    except (ValueError, PermissionError):
        return True
    return True
