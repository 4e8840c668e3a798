"""Processes of a run that is over."""

import os
import signal
import time
from pathlib import Path

from chaos.model import Violation

LIMIT_S = 45.0
"""Longer than any service takes to stop."""


def leftovers(folder: Path) -> list[Violation]:
    """Whoever of a run below `folder` still lives a while after its `townlet up` is gone; they are killed."""
    until_s = time.monotonic() + LIMIT_S
    while (left := _living(folder)) and time.monotonic() < until_s:
        time.sleep(0.2)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    return [Violation("left behind", f"after {LIMIT_S:.0f} s: {' '.join(command)}") for command in left.values()]


def _living(folder: Path) -> dict[int, list[str]]:
    found = {}
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if int(path.parent.name) != os.getpid() and any(str(folder) in word for word in words):
            found[int(path.parent.name)] = words
    return found
