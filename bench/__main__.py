"""Every benchmark in turn, or those that are named: `python -m bench [NAME ...]`. Options are passed on.

What they find is kept in docs/benchmarks, and docs/benchmarks.md is written of all that is there. Those that fail keep
no other from running: the page says which they were, and so does the end, with status 1.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from itertools import takewhile
from pathlib import Path

from bench.report import keep, kept, measured_here, read, write_page

PAGE = Path("docs/benchmarks.md")
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


def main(run: Callable[[Sequence[str]], int] = subprocess.call, page: Path = PAGE) -> None:
    """Measure, and write the page. run: a command; its exit status."""
    names = list(takewhile(lambda word: not word.startswith("-"), sys.argv[1:]))
    passed_on = sys.argv[1 + len(names) :]
    if {"-h", "--help"} & set(passed_on):
        print(f"{__doc__}\nNames: {', '.join(BENCHMARKS)}.")
        return
    if unknown := sorted(set(names) - set(BENCHMARKS)):
        sys.exit(f"expected names of benchmarks ({', '.join(BENCHMARKS)}), found {', '.join(unknown)}")
    folder, failed = page.with_suffix(""), []
    with tempfile.TemporaryDirectory(prefix="bench-") as written:
        for name in names or BENCHMARKS:
            found = Path(written) / f"{name}.json"
            if run([sys.executable, "-m", f"bench.{name}", *passed_on, "--json", str(found)]):
                failed.append(name)
            keep(name, measured_here(read(found), failed=name in failed), folder)
    write_page(kept(BENCHMARKS, folder), page)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
