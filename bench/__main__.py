"""Every benchmark in turn: `python -m bench`. Options are passed on. Writes docs/benchmarks.md when all have run.

Those that fail keep no other from running: the page says which they were, and so does the end, with status 1.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.report import PAGE, PICTURE, read, write_page

BENCHMARKS = (
    "world_step",
    "actor",
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
    "broadcast",
    "idle_connections",
    "scale_lanes",
    "scale_replay",
    "scale_shards",
    "scale_network",
    "scale_actors",
    "cartpole_race",
    "level_race",
)


def main(run: Callable[[Sequence[str]], int] = subprocess.call, page: Path = PAGE, picture: Path = PICTURE) -> None:
    """Measure, and write the page. run: a command; its exit status."""
    measured, failed = {}, []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for name in BENCHMARKS:
            found = Path(folder) / f"{name}.json"
            if run([sys.executable, "-m", f"bench.{name}", *sys.argv[1:], "--json", str(found)]):
                failed.append(name)
            measured[name] = read(found)
    write_page(measured, page, picture, failed)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
