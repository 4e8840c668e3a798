"""How a process keeps the memory that it has freed."""

import platform
import subprocess
import sys

import pytest

PAGE_FAULTS = """
import resource
from townlet.heap import reuse_memory

if {reuse}:
    reuse_memory()
kept = []
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for turn in range(12):
    if turn == 2:
        before = faults()
    kept = [b"x" * 9_000_000 for _ in range(3)]
print(faults() - before)
"""


def page_faults(reuse: bool) -> int:
    """Of a process that takes and frees some messages of 9 MB, again and again."""
    script = PAGE_FAULTS.format(reuse=reuse)
    return int(subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="is about glibc's heaps")
def test_memory_is_taken_from_the_system_once():
    assert page_faults(reuse=False) > 10 * page_faults(reuse=True) + 1000


HOLES = """
import time
from pathlib import Path
import townlet.heap
townlet.heap.KEPT_S = 1.0
townlet.heap.reuse_memory()

def resident_mib():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

before = resident_mib()
large, small = [], []
for _ in range(100):
    large.append(b"x" * 2**20)
    small.append(b"x" * 50_000)
large.clear()
held = resident_mib() - before
until = time.monotonic() + 20.0
while resident_mib() - before > 20.0 and time.monotonic() < until:
    time.sleep(0.05)
print(held, resident_mib() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="is about glibc's heaps")
def test_what_stays_free_goes_back_to_the_system_wherever_it_lies():
    script = subprocess.run([sys.executable, "-c", HOLES], capture_output=True, check=True, text=True)
    held, left = map(float, script.stdout.split())
    assert held > 60.0
    assert left < 20.0


CYCLES = """
import gc
from collections import deque
from townlet.heap import set_aside

class Call:
    def __init__(self):
        self.itself = self

modules = [[] for _ in range(1_500_000)]
gc.collect()
if {aside}:
    set_aside()
under_way = deque((Call() for _ in range(300_000)), maxlen=20_000)
print(sum(type(each) is Call for each in gc.get_objects()) - len(under_way))
"""


def calls_left(aside: bool) -> int:
    """Of a large process through which many calls have gone that only the garbage collector frees."""
    script = CYCLES.format(aside=aside)
    return int(subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True).stdout)


def test_what_calls_leave_in_cycles_goes_soon():
    assert calls_left(aside=False) > 3 * calls_left(aside=True) + 1000
