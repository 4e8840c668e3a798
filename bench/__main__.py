"""Every benchmark in turn: `python -m bench`. Options are passed on."""

import subprocess
import sys

BENCHMARKS = (
    "world_step",
    "append",
    "sample",
    "learner_overhead",
    "recurrent_learner_overhead",
    "r2d2_sample",
    "ranks",
    "lockstep",
    "fan_out",
    "idle_connections",
    "cartpole_race",
)

for name in BENCHMARKS:
    subprocess.run([sys.executable, "-m", f"bench.{name}", *sys.argv[1:]], check=True)
