"""A kill, and the one that needs a process of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from townlet.failpoints import ORDERS_VARIABLE

OPERATOR_LIMIT_S = 60.0


@dataclass
class Kill:
    """target: who died. processes: how many. at_s: since the round began.

    recovered_s: until the whole run got on again; None if it did not.
    """

    target: str
    moment: str
    processes: int
    at_s: float
    recovered_s: float | None = None


def send_operator(orders: Path, versions: Path, copy: Path) -> int:
    """Let an operator pin and copy the newest version, or die at a failpoint that is ordered; the PID."""
    with subprocess.Popen(
        [sys.executable, "-m", "chaos.operator", str(versions), str(copy)],
        env={**os.environ, ORDERS_VARIABLE: str(orders)},
    ) as process:
        process.wait(OPERATOR_LIMIT_S)
    return process.pid
