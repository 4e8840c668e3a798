"""Every benchmark in turn: `python -m bench`. Options are passed on. Writes docs/benchmarks.md when all have run."""

import subprocess
import sys
import tempfile
from pathlib import Path

from bench.report import read, write_page

BENCHMARKS = (
    "world_step",
    "append",
    "sample",
    "replay_race",
    "replay_memory",
    "update",
    "learner_overhead",
    "recurrent_learner_overhead",
    "r2d2_sample",
    "ranks",
    "lockstep",
    "fan_out",
    "idle_connections",
    "cartpole_race",
)


def main() -> None:
    """Measure, and write the page."""
    measured = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for name in BENCHMARKS:
            found = Path(folder) / f"{name}.json"
            subprocess.run([sys.executable, "-m", f"bench.{name}", *sys.argv[1:], "--json", str(found)], check=True)
            measured[name] = read(found)
    write_page(measured)


if __name__ == "__main__":
    main()
