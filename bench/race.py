"""Who learns a task first: several learners in turn, alone on the machine, with the same seeds.

Seconds run from the first environment step; the start before it stands beside them.
"""

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.rounds import Comparison, Options
from bench.whole_run import events, happened_at, result, train
from learner.goal import EvaluationPoint, GoalState
from townlet.config_file import load_config
from townlet.evaluation_settings import GoalSettings

OURS = "Townlet"


@dataclass(frozen=True)
class Finish:
    """One learner at the end of its race.

    seconds: from the first environment step to the goal, or until it gave up where that was not reached.
    start_s: from the command to the first environment step. evaluation_s: in which it stood still to be evaluated.
    """

    seconds: float
    reached: bool
    environment_steps: int
    start_s: float
    evaluation_s: float = 0.0

    def __str__(self) -> str:
        """Who gave up would have taken longer."""
        return f"{'' if self.reached else '> '}{self.seconds:.1f}"

    def without_evaluations(self) -> "Finish":
        """As if others had evaluated it while it went on."""
        return replace(self, seconds=self.seconds - self.evaluation_s)


Racer = Callable[[int], Finish]
"""Learns with this seed."""
Finishes = Mapping[str, Sequence[Finish]]
"""Of each racer by name, one a seed."""


def race(title: str, racers: Mapping[str, Racer], chosen: Options) -> dict[str, list[Finish]]:
    """Let them race, one seed a round, and say who came in."""
    console = Console()
    finishes: dict[str, list[Finish]] = {name: [] for name in racers}
    for seed in range(1, chosen.rounds + 1):
        for name, racer in racers.items():
            finishes[name].append(racer(seed))
            console.print(f"{title}, seed {seed}: {name} {finishes[name][-1]} s", highlight=False)
    return finishes


def show(title: str, finishes: Finishes, chosen: Options) -> None:
    """Print, and note for the file."""
    Console().print(table(title, finishes))
    chosen.note(comparison(title, finishes))


def race_townlet(config: Path, seed: int, *overrides: str) -> Finish:
    """A whole run, as a user starts it, until the goal of its configuration is confirmed, or its last update."""
    goal = load_config(config, overrides).evaluation.goal
    assert goal is not None, config
    with tempfile.TemporaryDirectory(prefix="bench-") as root:
        called_at = time.time()
        folder = train(config, Path(root) / "race", f"seed={seed}", *overrides)
        ended_at = time.time()
        # Whoever joins is at its first step but for the building of its world.
        started_at = happened_at(next(iter(events(folder, "actor-0", "joined"))))
        confirmed = confirmed_at(goal, events(folder, "evaluator", "evaluated"))
        steps = result(folder)["environment_steps"]
    return Finish((confirmed or ended_at) - started_at, confirmed is not None, steps, started_at - called_at)


def race_process(command: Sequence[str]) -> Finish:
    """A learner in a process of its own, whose last line of output is JSON.

    It says when it took its first step and ended, as `time.time()`; whether it reached the goal; how many environment
    steps it took; and for how long it was evaluated.
    """
    called_at = time.time()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return finish_of(done.stdout, called_at)


def finish_of(output: str, called_at: float) -> Finish:
    """What such a process printed."""
    found = json.loads(output.splitlines()[-1])
    return Finish(
        found["ended_at"] - found["started_at"],
        found["reached"],
        found["environment_steps"],
        found["started_at"] - called_at,
        found["evaluation_s"],
    )


def confirmed_at(goal: GoalSettings, evaluated: Iterable[Mapping[str, Any]]) -> float | None:
    """When the evaluator's log had the goal confirmed, as `time.time()`; None if it never was."""
    state = GoalState()
    for event in evaluated:
        point = EvaluationPoint(event["updates"], 0.0, event["value"], 0.0, event["mean_return"], 0.0)
        state = state.after(goal, point)
        if state.confirmed:
            return happened_at(event)
    return None


def middle(finishes: Sequence[Finish]) -> Finish:
    """The median, or what is midway between the middle two; who gave up comes last."""
    ordered = sorted(finishes, key=lambda finish: (not finish.reached, finish.seconds))
    lower, upper = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return Finish(
        (lower.seconds + upper.seconds) / 2,
        upper.reached,
        (lower.environment_steps + upper.environment_steps) // 2,
        median(finish.start_s for finish in finishes),
    )


def times_faster(mine: Finish, other: Finish) -> str:
    """The other's seconds over mine: a bound where one of them gave up, nothing where both did."""
    if not (mine.reached or other.reached):
        return "-"
    bound = "" if mine.reached and other.reached else "> " if mine.reached else "< "
    return f"{bound}{other.seconds / mine.seconds:.2f}"


def table(title: str, finishes: Finishes) -> Table:
    """A row a racer and seed, and the medians."""
    shown = Table("learner", "seed", "seconds", "start, s", "environment steps", f"{OURS} is faster by", title=title)
    for name, theirs in finishes.items():
        rows = [(str(seed), *pair) for seed, pair in enumerate(zip(theirs, finishes[OURS], strict=True), start=1)]
        for seed, their, mine in [*rows, ("median", middle(theirs), middle(finishes[OURS]))]:
            faster = "" if name == OURS else times_faster(mine, their)
            shown.add_row(name, seed, str(their), f"{their.start_s:.1f}", f"{their.environment_steps:,}", faster)
        shown.add_section()
    return shown


def comparison(title: str, finishes: Finishes) -> Comparison:
    """The same for a file. Who gave up is said to have: the seconds are then less than it would have taken."""
    figures, ratios = {}, {}
    for name, theirs in finishes.items():
        gave_up = sum(not finish.reached for finish in theirs)
        racer = f"{name}, gave up in {gave_up} of {len(theirs)}" if gave_up else name
        figures[racer] = [finish.seconds for finish in theirs]
        figures[f"{name}, start"] = [finish.start_s for finish in theirs]
        if name != OURS:
            pairs = zip(finishes[OURS], theirs, strict=True)
            ratios[f"{name}'s seconds / {OURS}'s"] = [their.seconds / mine.seconds for mine, their in pairs]
    return Comparison(title, figures, dict.fromkeys(figures, "s"), ratios)
