"""Claim: Townlet learns CartPole-v1 to a greedy mean return of 475 in less wall clock than a tuned DQN in one process.

The peer is stable-baselines3's DQN with the settings of RL Baselines3 Zoo, see `bench/peers/dqn_cartpole.py`; `make
bench-peers` gets it. The two race in turn, alone on the machine, with the same seeds, one a round. The time runs from
the start of the command, so that imports, Redis and every service count, to the first evaluation that reaches the goal.
In the peer's favour: the time of its evaluations is taken off (Townlet's go on beside the training), and it may train
for twice the tuned number of steps.
"""

import json
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.rounds import Comparison, options
from bench.whole_run import result, train
from townlet.config_file import load_config

CONFIG = Path("configs/cartpole.yaml")
MAX_UPDATES = 20_000
"""Townlet gives up here."""
PEER = Path("bench/peers/dqn_cartpole.py")
PEERS_PYTHON = Path(".venv-peers/bin/python")


@dataclass(frozen=True)
class Finish:
    """One learner at the end of its race. seconds: until the goal, or until it gave up where that was not reached."""

    seconds: float
    reached: bool
    environment_steps: int

    def __str__(self) -> str:
        """Who gave up would have taken longer."""
        return f"{'' if self.reached else '> '}{self.seconds:.1f}"


def main() -> None:
    """Race and print."""
    chosen = options(__doc__, rounds=3)
    goal = load_config(CONFIG).evaluation.goal
    assert goal is not None
    console = Console()
    with_peer = PEERS_PYTHON.exists()
    if not with_peer:
        console.print(f"{PEERS_PYTHON} is not there: Townlet races alone. `make bench-peers` gets its peer.")
    finishes: dict[str, list[Finish]] = {"townlet": [], "peer": []}
    for seed in range(1, chosen.rounds + 1):
        finishes["townlet"].append(race_townlet(seed, goal.value))
        console.print(f"seed {seed}: Townlet {finishes['townlet'][-1]} s", highlight=False)
        if with_peer:
            finishes["peer"].append(race_peer(seed, goal.value))
            console.print(f"seed {seed}: stable-baselines3 {finishes['peer'][-1]} s", highlight=False)
    console.print(table(finishes["townlet"], finishes["peer"], f"CartPole-v1 to a mean return of {goal.value:g}"))
    chosen.note(comparison(finishes["townlet"], finishes["peer"], goal.value))


def race_townlet(seed: int, goal: float) -> Finish:
    """A whole run, as a user starts it, which ends with the first evaluation that reaches the goal."""
    with tempfile.TemporaryDirectory(prefix="bench-") as root:
        overrides = (f"seed={seed}", "evaluation.goal.confirmations=0", f"learner.max_updates={MAX_UPDATES}")
        started_at = time.time()
        folder = train(CONFIG, Path(root) / "race", *overrides)
        ended_at = time.time()
        reached_at = first_reached_at((folder.logs / "evaluator.log").read_text(), goal)
        steps = result(folder)["environment_steps"]
        return Finish((reached_at or ended_at) - started_at, reached_at is not None, steps)


def race_peer(seed: int, goal: float) -> Finish:
    """The peer's whole process."""
    command = [str(PEERS_PYTHON), str(PEER), "--seed", str(seed), "--goal", str(goal)]
    started_at = time.time()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return peer_finish(done.stdout, started_at)


def first_reached_at(log: str, goal: float) -> float | None:
    """When the evaluator first logged a mean return of at least the goal, as `time.time()`; None if it never did."""
    for line in log.splitlines():
        event: dict[str, Any] = json.loads(line) if line.startswith("{") else {}
        if event.get("event") == "evaluated" and event["mean_return"] >= goal:
            return datetime.fromisoformat(event["timestamp"]).timestamp()
    return None


def peer_finish(output: str, started_at: float) -> Finish:
    """Reads the last line that the peer printed."""
    found = json.loads(output.splitlines()[-1])
    seconds = found["ended_at"] - started_at - found["evaluation_s"]
    return Finish(seconds, found["reached"], found["environment_steps"])


def median(finishes: Sequence[Finish]) -> Finish:
    """The middle one, or what is midway between the middle two; who gave up comes last."""
    ordered = sorted(finishes, key=lambda finish: (not finish.reached, finish.seconds))
    lower, upper = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return Finish(
        (lower.seconds + upper.seconds) / 2,
        upper.reached,
        (lower.environment_steps + upper.environment_steps) // 2,
    )


def ratio(mine: Finish, other: Finish) -> str:
    """My seconds over the other's: a bound where one of them gave up, nothing where both did."""
    if not (mine.reached or other.reached):
        return "-"
    bound = "" if mine.reached and other.reached else "< " if mine.reached else "> "
    return f"{bound}{mine.seconds / other.seconds:.3f}"


def table(townlet: Sequence[Finish], peer: Sequence[Finish], title: str) -> Table:
    """A row a seed, and the medians. peer: as many, or none."""
    shown = Table("seed", "Townlet, s", "steps", "stable-baselines3, s", "steps", "ratio", title=title)
    for seed, mine in enumerate(townlet, start=1):
        shown.add_row(str(seed), *_row(mine, peer[seed - 1] if peer else None))
    shown.add_row("median", *_row(median(townlet), median(peer) if peer else None))
    return shown


def comparison(townlet: Sequence[Finish], peer: Sequence[Finish], goal: float) -> Comparison:
    """The same for a file. Who gave up is said to have: the seconds are then less than it would have taken."""

    def named(name: str, finishes: Sequence[Finish]) -> str:
        gave_up = sum(not finish.reached for finish in finishes)
        return f"{name}, gave up in {gave_up} of {len(finishes)}" if gave_up else name

    racers = {named("Townlet", townlet): townlet, **({named("stable-baselines3", peer): peer} if peer else {})}
    seconds = {name: [finish.seconds for finish in finishes] for name, finishes in racers.items()}
    faster = [other.seconds / mine.seconds for mine, other in zip(townlet, peer, strict=False)]
    ratios = {"stable-baselines3's seconds / Townlet's": faster} if faster else {}
    return Comparison(f"CartPole-v1 to a mean return of {goal:g}", seconds, dict.fromkeys(seconds, "s"), ratios)


def _row(mine: Finish, other: Finish | None) -> list[str]:
    cells = [str(mine), f"{mine.environment_steps:,}"]
    if other is None:
        return cells
    return [*cells, str(other), f"{other.environment_steps:,}", ratio(mine, other)]


if __name__ == "__main__":
    main()
