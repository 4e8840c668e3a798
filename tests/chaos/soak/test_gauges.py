"""The kernel's counts, of real processes."""

import os
import subprocess
import sys
import threading
from pathlib import Path

from chaos.soak.gauges import gauges_of

MIB = 2**20


def test_memory_files_and_threads_are_counted():
    before = gauges_of(os.getpid())
    hold, done = bytearray(os.urandom(32 * MIB)), threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    with Path(os.devnull).open() as _, Path(os.devnull).open() as _:
        now = gauges_of(os.getpid())
    done.set()
    thread.join()
    assert now.resident_bytes - before.resident_bytes > 24 * MIB, len(hold)
    assert (now.open_files, now.threads) == (before.open_files + 2, before.threads + 1)


def test_who_has_ended_has_no_gauges():
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert gauges_of(process.pid) is None  # a zombie
    process.wait()
    assert gauges_of(process.pid) is None
