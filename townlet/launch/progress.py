"""What `townlet up` shows: a live panel on a terminal, a line now and then elsewhere."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from protos import admin_pb2
from townlet.config import Config
from townlet.evaluation_settings import Measure
from townlet.launch.figures import big, clock
from townlet.run_folder import RunFolder
from townlet.statistics import NORMAL_95

LINE_PERIOD_S = 10.0
NOTES_SHOWN = 5
SPARKS = "▁▂▃▄▅▆▇█"
SPARKS_SHOWN = 40


class Progress:
    """Shows a run's status. On a terminal it redraws one panel, elsewhere it prints a line every ten seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._notes: list[str] = []
        self._status: admin_pb2.StatusResponse | None = None
        self._printed_s = 0.0
        self._evaluations_printed = 0
        self._title = ""
        self._step_cap: int | None = None
        self._measure: Measure = "survival"

    @contextmanager
    def showing(self, config: Config, folder: RunFolder) -> Iterator[None]:
        """Show the run until the block ends."""
        self._title = f"townlet · {config.run.name}"
        self._step_cap, self._measure = config.world.step_cap, config.measure
        self._say(f"run {folder.path} (logs in {folder.logs}; Ctrl-C stops it)")
        if not self._console.is_terminal:
            yield
            return
        with Live(console=self._console, auto_refresh=False) as live:
            self._live = live
            try:
                yield
            finally:
                self._live = None

    def update(self, status: admin_pb2.StatusResponse | None) -> None:
        """Show this status; None while the learner does not answer."""
        self._status = status or self._status
        if self._live is not None:
            self._live.update(self._panel(), refresh=True)
        elif self._status is not None:
            self._print_line(self._status)

    def note(self, text: str) -> None:
        """Something that happened."""
        if self._live is None:
            self._say(text)
        self._notes = [*self._notes, text][-NOTES_SHOWN:]

    def conclude(self, folder: RunFolder) -> None:
        """Say how the run ended, and what to do with it."""
        if folder.result.exists():
            result = json.loads(folder.result.read_text())
            self._console.print(_conclusion(result), highlight=False)
        if folder.policy.exists():
            self._console.print(
                f"see it live: townlet watch {folder.path}\nmeasure it:  townlet evaluate {folder.path}",
                highlight=False,
            )

    def _print_line(self, status: admin_pb2.StatusResponse) -> None:
        for point in status.evaluations:
            if point.updates > self._evaluations_printed:
                self._evaluations_printed = point.updates
                cap = f" of {self._step_cap} steps" if self._measure == "survival" else ""
                greedy = f"greedy {self._measure} {self._greedy(point)}{cap}"
                self._say(f"{clock(point.training_s)}  {greedy} after {point.updates} updates")
        now_s = time.monotonic()
        if now_s - self._printed_s >= LINE_PERIOD_S:
            self._printed_s = now_s
            line = "  ".join(f"{name} {value}" for name, value in self._figures(status).items())
            self._say(f"{clock(status.training_s)}  {line}")

    def _say(self, line: str) -> None:
        """As it is: rich would measure it, and remember thousands of lines' widths."""
        print(line, file=self._console.file, flush=True)

    def _panel(self) -> Panel:
        if self._status is None:
            return Panel(Group(Text("starting the services …"), *map(Text, self._notes)), title=self._title)
        status = self._status
        table = Table.grid(padding=(0, 2))
        for name, value in self._figures(status).items():
            table.add_row(Text(name, style="dim"), Text(value))
        parts: list[Table | Text] = [table]
        if status.evaluations:
            parts.append(Text(f"greedy {self._measure}  " + self._sparkline(status), style="green"))
        parts += [Text(note, style="yellow") for note in self._notes]
        return Panel(Group(*parts), title=self._title, subtitle=clock(status.training_s))

    def _figures(self, status: admin_pb2.StatusResponse) -> dict[str, str]:
        """Everything that the progress shows, by name."""
        figures = {
            "environment": f"{big(status.environment_steps)} steps ({big(status.environment_steps_per_s)}/s)",
            "updates": f"{big(status.updates)} ({big(status.updates_per_s)}/s)",
            "episodes": big(status.episodes),
            self._measure: self._training(status),
            "greedy": self._greedy(status.evaluations[-1]) if status.evaluations else "-",
            "loss": f"{status.loss:.4f}" if status.HasField("loss") else "-",
            "epsilon": _range(status.epsilon_min, status.epsilon_max),
            "replay": f"{status.replay_records / max(1, status.replay_capacity):.0%} of {big(status.replay_capacity)}",
            "lag": f"{status.policy_lag_mean:.1f}",
        }
        if status.HasField("curriculum"):
            stages = status.curriculum
            figures["curriculum"] = f"stage {stages.stage_mean:.1f} ({stages.stage_min} to {stages.stage_max})"
        if status.HasField("curiosity"):
            figures["novelty"] = f"{status.curiosity.novelty:.3g}"
            figures["intrinsic weight"] = f"{status.curiosity.intrinsic_weight:.3g}"
        if status.HasField("goal"):
            figures["goal"] = _goal(status.goal)
        if status.dropped_episodes:
            figures["dropped"] = big(status.dropped_episodes)
        if status.paused:
            figures["paused"] = "until `townlet admin resume`"
        if status.waiting:
            figures["waiting"] = status.waiting
        return figures

    def _sparkline(self, status: admin_pb2.StatusResponse) -> str:
        points = status.evaluations[-SPARKS_SHOWN:]
        if self._measure == "survival":
            values, low, high = [point.mean_survival for point in points], 0.0, float(self._step_cap or 0)
        else:
            values = [point.mean_return for point in points]
            low, high = min(values), max(values)
        levels = [(value - low) / max(high - low, 1e-9) for value in values]
        return "".join(SPARKS[min(len(SPARKS) - 1, int(level * len(SPARKS)))] for level in levels)

    def _training(self, status: admin_pb2.StatusResponse) -> str:
        """How the training episodes went."""
        if self._measure == "survival":
            return f"{status.mean_survival:.0f}" if status.HasField("mean_survival") else "-"
        return _figure(status.mean_return) if status.HasField("mean_return") else "-"

    def _greedy(self, point: admin_pb2.EvaluationPoint) -> str:
        if self._measure == "survival":
            return f"{point.mean_survival:.0f} ± {NORMAL_95 * point.standard_error:.0f}"
        return f"{_figure(point.mean_return)} ± {_figure(NORMAL_95 * point.return_standard_error)}"


def _conclusion(result: dict[str, Any]) -> str:
    """The run in one sentence."""
    said = (
        f"{big(result['environment_steps'])} environment steps, {big(result['updates'])} updates, "
        f"{big(result['episodes'])} episodes in {clock(result['training_s'])}"
    )
    goal = result["goal"]
    if goal and goal["confirmed"]:
        return f"goal reached after {clock(goal['reached_s'])} and held since · {said}"
    return said


def _goal(goal: admin_pb2.Goal) -> str:
    value = goal.mean_return if goal.HasField("mean_return") else goal.mean_survival
    if goal.HasField("reached_s"):
        return (
            f"{value:g} reached after {clock(goal.reached_s)}, "
            f"confirmed {goal.confirmations} of {goal.confirmations_needed}"
        )
    return f"{value:g} " + ("reached, but lost again" if goal.lost else "not reached yet")


def _figure(value: float) -> str:
    """Three digits, or all before the point."""
    return f"{value:.0f}" if abs(value) >= 100.0 else f"{value:.3g}"


def _range(low: float, high: float) -> str:
    return f"{low:.3g}" if low == high else f"{low:.2g} to {high:.2g}"
