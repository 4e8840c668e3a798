"""Claim: in lockstep, with a lag of one round, a run learns at 0.7 of the pace that it has in async.

The same training from beginning to end, as a user starts it, in both schedules.
"""

import tempfile
from functools import partial
from pathlib import Path

from bench.rounds import Case, Ratio, compare, options
from bench.whole_run import result, train

CONFIG = Path("configs/L1_full.yaml")
SETTINGS = ("actor.count=2", "evaluation.enabled=false", "evaluation.goal=null")
SCHEDULES = {
    "async": (),
    "lockstep, lag 1": ("schedule.kind=lockstep", "schedule.lag=1"),
    "lockstep, lag 0": ("schedule.kind=lockstep", "schedule.lag=0"),
}


def updates_per_s(schedule: str, updates: int) -> float:
    """Of a whole run, from the first environment step on."""
    length = f"learner.max_updates={updates}"
    with tempfile.TemporaryDirectory() as root:
        found = result(train(CONFIG, Path(root) / "run", length, *SETTINGS, *SCHEDULES[schedule]))
    return float(found["updates"] / found["training_s"])


def main() -> None:
    """Measure and print."""
    chosen = options(__doc__, rounds=3, updates=3000)
    cases = [Case(name, "updates/s", partial(updates_per_s, name, chosen.updates)) for name in SCHEDULES]
    ratios = [Ratio(f"{name} / async", name, "async") for name in list(SCHEDULES)[1:]]
    compare("pace of a run", cases, ratios, chosen, warm_up=False)


if __name__ == "__main__":
    main()
