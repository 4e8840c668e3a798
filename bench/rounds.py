"""Interleaved rounds: every case in turn, several times, so that a machine whose speed drifts treats all alike."""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Case:
    """One thing to measure. measure: does the work once and returns its rate, in `unit`."""

    name: str
    unit: str
    measure: Callable[[], float]


@dataclass(frozen=True)
class Ratio:
    """A claim: one case's rate over another's."""

    name: str
    of: str
    to: str


def arguments(about: str) -> argparse.Namespace:
    """What every benchmark takes."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--rounds", type=int, default=5, help="how often each case is measured (default 5)")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long each measurement takes (default 2)")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args()


def compare(title: str, cases: Sequence[Case], ratios: Sequence[Ratio], rounds: int, output: Path | None) -> None:
    """Measure, print medians with their range and the ratios round by round, write JSON."""
    for case in cases:
        case.measure()  # warm up
    rates: dict[str, list[float]] = {case.name: [] for case in cases}
    for _ in range(rounds):
        for case in cases:
            rates[case.name].append(case.measure())
    table = Table("case", "median", "lowest", "highest", "unit", title=title)
    for case in cases:
        values = rates[case.name]
        table.add_row(case.name, *(f"{value:,.0f}" for value in (median(values), min(values), max(values))), case.unit)
    found = {
        ratio.name: [mine / other for mine, other in zip(rates[ratio.of], rates[ratio.to], strict=True)]
        for ratio in ratios
    }
    for name, values in found.items():
        table.add_row(name, *(f"{value:.3f}" for value in (median(values), min(values), max(values))), "ratio")
    Console().print(table)
    if output is not None:
        figures = {"title": title, "rates": rates, "units": {c.name: c.unit for c in cases}, "ratios": found}
        output.write_text(json.dumps(figures, indent=2) + "\n")
