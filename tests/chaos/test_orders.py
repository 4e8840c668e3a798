"""Orders are obeyed once, and withdrawn when nobody passes."""

import os
import subprocess
import sys
from pathlib import Path

from chaos import orders as module
from chaos.orders import Claimed, Orders
from townlet.failpoints import NAMES, ORDERS_VARIABLE

ROOT = Path(__file__).parents[2]
NAME = NAMES[0]


def passes(folder: Path) -> int:
    """Let a process pass the failpoint; its PID."""
    program = f"from townlet.failpoints import failpoint; failpoint({NAME!r})"
    environment = {**os.environ, ORDERS_VARIABLE: str(folder)}
    with subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, env=environment) as process:
        process.wait(30)
    return process.pid


def test_an_order_that_was_obeyed_says_by_whom_once(tmp_path):
    orders = Orders(tmp_path)
    orders.give(NAME)
    assert (orders.settle(), orders.open) == (([], []), True)
    pid = passes(tmp_path)
    assert (orders.settle(), orders.open) == (([Claimed(NAME, "kill", pid)], []), False)
    assert orders.settle() == ([], [])
    assert list(tmp_path.iterdir()) == []


def test_an_order_that_nobody_obeys_is_withdrawn(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE_S", -1.0)
    orders = Orders(tmp_path)
    orders.give(NAME)
    assert (orders.settle(), orders.open) == (([], [NAME]), False)
    assert list(tmp_path.iterdir()) == []
