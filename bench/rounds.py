"""Interleaved rounds: every case in turn, several times, so that a machine whose speed drifts treats all alike."""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from townlet.heap import reuse_memory

if TYPE_CHECKING:
    from _typeshed import DataclassInstance  # exists for the type checker only


@dataclass(frozen=True)
class Case:
    """One thing to measure. measure: does the work for a while and returns its rate or its time, in `unit`."""

    name: str
    unit: str
    measure: Callable[[], float]


@dataclass(frozen=True)
class Ratio:
    """A claim: one case's figure over another's."""

    name: str
    of: str
    to: str


def calls_per_s(work: Callable[[], object], seconds: float, finish: Callable[[], object] = int) -> float:
    """How often a second `work` can be called. finish: called at the end, within the time that counts."""
    began, calls = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        work()
        calls += 1
    finish()
    return calls / (time.perf_counter() - began)


def calls_per_cpu_s(work: Callable[[], object], seconds: float) -> float:
    """The same in a second of this thread's CPU, where work only computes: a machine that is busy does not matter."""
    began, calls, used_s = time.thread_time(), 0, 0.0
    while used_s < seconds or not calls:
        work()
        calls += 1
        used_s = time.thread_time() - began
    return calls / used_s


def ms_per_call(work: Callable[[], object], seconds: float) -> float:
    """How long one call of `work` takes."""
    return 1e3 / calls_per_s(work, seconds)


@dataclass(frozen=True)
class Comparison:
    """What was measured in turn. figures: of each case, one a round, in its unit. ratios: of each claim, likewise."""

    title: str
    figures: dict[str, list[float]]
    units: dict[str, str]
    ratios: dict[str, list[float]]


class Options(argparse.Namespace):
    """What every benchmark is told."""

    rounds: int
    seconds: float
    json: Path | None
    profile: bool

    def __init__(self) -> None:
        super().__init__()
        self._measured: list[DataclassInstance] = []

    def note(self, measured: "DataclassInstance") -> None:
        """Write it to the file, if there is one, after what was measured before: a `Comparison`, or a curve."""
        self._measured.append(measured)
        if self.json is not None:
            self.json.write_text(json.dumps([asdict(each) for each in self._measured], indent=2) + "\n")


def options(about: str | None, rounds: int = 5, **sizes: int) -> Options:
    """Reads the command line. about: what the benchmark claims. rounds: where nothing is said.

    sizes: of what is measured, where nothing is said: options of the same names, and attributes of what is returned.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rounds", type=int, default=rounds, help="how often each case is measured (default %(default)s)"
    )
    parser.add_argument("--seconds", type=float, default=2.0, help="how long each measurement takes (default 2)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--profile", action="store_true", help="say where the time goes, where the benchmark can")
    for name, size in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=size, help="of what is measured (default %(default)s)")
    reuse_memory()  # as every service does
    return parser.parse_args(namespace=Options())


def compare(
    title: str, cases: Sequence[Case], ratios: Sequence[Ratio], chosen: Options, *, warm_up: bool = True
) -> None:
    """Measure in turn, print medians with their range and the ratios of each round, write JSON.

    warm_up: measure each case once before it counts; False where each measurement starts from nothing.
    """
    for case in cases if warm_up else ():
        case.measure()
    figures: dict[str, list[float]] = {case.name: [] for case in cases}
    for _ in range(chosen.rounds):
        for case in cases:
            figures[case.name].append(case.measure())
    table = Table("case", "median", "lowest", "highest", "unit", title=title)
    for case in cases:
        values = figures[case.name]
        table.add_row(case.name, *(_shown(value) for value in (median(values), min(values), max(values))), case.unit)
    found = {
        ratio.name: [mine / other for mine, other in zip(figures[ratio.of], figures[ratio.to], strict=True)]
        for ratio in ratios
    }
    for name, values in found.items():
        table.add_row(name, *(f"{value:.3f}" for value in (median(values), min(values), max(values))), "ratio")
    Console().print(table)
    chosen.note(Comparison(title, figures, {case.name: case.unit for case in cases}, found))


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
