"""A benchmark in its tiny form, in a process of its own, which need not load torch: it is forked from one that has."""

import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["learner.service", "learner.build", "bench.services", "bench.rounds"])


def exit_status(name: str, options: Sequence[str], output: Path) -> int | None:
    """Of `python -m bench.NAME OPTIONS`. output: where it says what it says."""
    process = FORKS.Process(target=_become, args=(name, options, output))
    process.start()
    try:
        process.join()
        return process.exitcode
    finally:
        if process.exitcode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.join()


def _become(name: str, options: Sequence[str], output: Path) -> None:
    os.setsid()  # so that all whom it starts can be ended with it
    with output.open("wb") as said:
        os.dup2(said.fileno(), sys.stdout.fileno())
        os.dup2(said.fileno(), sys.stderr.fileno())
    sys.argv = [name, *options]
    runpy.run_module(f"bench.{name}", run_name="__main__", alter_sys=True)
