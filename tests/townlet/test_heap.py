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
