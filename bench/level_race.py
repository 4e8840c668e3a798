"""Claim: the whole system learns L1_full to 490 steps of survival in less time than one plain process does.

The plain process is `bench/plain_dqn.py`: the same world, network, loss, numbers and goal in one loop, with nothing
served and nothing durable. The two race in turn, alone on the machine, with the same seeds, one a round. The time runs
from the first environment step until the goal is confirmed. The plain loop stands still while it is evaluated, which
counts; what it would have taken without is shown beside.
"""

import sys
from pathlib import Path

from bench.race import OURS, Finish, race, race_process, race_townlet, show
from bench.rounds import Options, options

CONFIG = Path("configs/L1_full.yaml")
OVERRIDES = ("evaluation.goal.mean_survival=490", "learner.max_updates=100000")
"""The goal, and where both give up."""
PLAIN = "plain loop"


def main() -> None:
    """Race and print."""
    measure(options(__doc__, rounds=3), *OVERRIDES)


def measure(chosen: Options, *overrides: str) -> None:
    """Race with these settings, and print."""
    racers = {
        OURS: lambda seed: race_townlet(CONFIG, seed, *overrides),
        PLAIN: lambda seed: race_plain(CONFIG, seed, *overrides),
    }
    title = f"{CONFIG.stem} to its goal"
    finishes = race(title, racers, chosen)
    unevaluated = [finish.without_evaluations() for finish in finishes[PLAIN]]
    show(title, {**finishes, f"{PLAIN} but for its evaluations": unevaluated}, chosen)


def race_plain(config: Path, seed: int, *overrides: str) -> Finish:
    """The plain loop's whole process."""
    settings = [word for setting in (f"seed={seed}", *overrides) for word in ("--set", setting)]
    return race_process([sys.executable, "-m", "bench.plain_dqn", str(config), *settings])


if __name__ == "__main__":
    main()
