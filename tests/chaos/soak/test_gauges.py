"""The kernel's counts, of real processes."""

import os
import subprocess
import sys

from chaos.soak.gauges import gauges_of

MIB = 2**20


GROW = """
import os, sys, threading
print("ready")
sys.stdin.readline()
hold, files = os.urandom(32 * 2**20), [open(os.devnull) for _ in range(2)]
threading.Thread(target=threading.Event().wait, daemon=True).start()
print("grown")
sys.stdin.read()
"""


def test_memory_files_and_threads_are_counted():
    process = subprocess.Popen([sys.executable, "-u", "-c", GROW], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process:
        assert process.stdout.readline() == b"ready\n"
        before = gauges_of(process.pid)
        process.stdin.write(b"\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"grown\n"
        now = gauges_of(process.pid)
    assert now.resident_bytes - before.resident_bytes > 24 * MIB
    assert (now.open_files, now.threads) == (before.open_files + 2, before.threads + 1)


def test_who_has_ended_has_no_gauges():
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert gauges_of(process.pid) is None  # a zombie
    process.wait()
    assert gauges_of(process.pid) is None
