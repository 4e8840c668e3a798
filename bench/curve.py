"""A figure over a size, as both grow by factors: a table, where it bends, and a picture with both axes logarithmic."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import matplotlib
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from bench.rounds import Options

matplotlib.use("Agg")

from matplotlib.figure import Figure

LEAST_BEND = 0.3
"""By so much the power has to change to be called a bend."""


@dataclass(frozen=True)
class Curve:
    """What was measured. size: what grows, in words. figures: of each line, at each of the sizes, one a round."""

    title: str
    size: str
    unit: str
    sizes: list[int]
    figures: dict[str, list[list[float]]]

    def medians(self, line: str) -> list[float]:
        """At each size."""
        return [median(values) for values in self.figures[line]]

    def bends(self) -> list[str]:
        """Of each line, in words, where it bends and from which power of the size to which."""
        return [f"{line} {_bend(np.log(self.sizes), np.log(self.medians(line)))}." for line in self.figures]


def _bend(x: NDArray[np.float64], y: NDArray[np.float64]) -> str:
    """Of the two straight pieces that fit best, meeting at one of the points; one straight line, where that does."""
    fits = [(*_pieces(x, y, knot), knot) for knot in x[1:-1]]
    _, before, after, knot = min(fits, default=(0.0, 0.0, 0.0, 0.0))
    if abs(after - before) < LEAST_BEND:
        return f"does not bend: it goes with the power {np.polyfit(x, y, 1)[0]:.2f} of the size"
    return f"bends at {np.exp(knot):,.0f}: from the power {before:.2f} of the size to {after:.2f}"


def _pieces(x: NDArray[np.float64], y: NDArray[np.float64], knot: float) -> tuple[float, float, float]:
    """What two pieces that meet at the knot miss, and their slopes."""
    parts = np.stack([np.ones_like(x), x, np.maximum(0.0, x - knot)], axis=1)
    (level, slope, change), *_ = np.linalg.lstsq(parts, y)
    missed = y - parts @ [level, slope, change]
    return round(float(missed @ missed), 9), float(slope), float(slope + change)


def trace(
    title: str,
    size: str,
    unit: str,
    sizes: Sequence[int],
    lines: Mapping[str, Callable[[int], float]],
    chosen: Options,
) -> Curve:
    """Measure every line at every size in turn, --rounds times; print, and write JSON. lines: the figure at a size."""
    figures: dict[str, list[list[float]]] = {name: [[] for _ in sizes] for name in lines}
    for _ in range(chosen.rounds):
        for at, each in enumerate(sizes):
            for name, measure in lines.items():
                figures[name][at].append(measure(each))
    curve = Curve(title, size, unit, list(sizes), figures)
    table = Table(size, *lines, title=f"{title}: {unit}")
    for at, each in enumerate(sizes):
        table.add_row(f"{each:,}", *(_shown(curve.medians(name)[at]) for name in lines))
    Console().print(table)
    print("\n".join(curve.bends()))
    chosen.note(curve)
    return curve


def draw(curve: Curve, path: Path) -> None:
    """A line each, with the range over the rounds."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for name, points in curve.figures.items():
        axes.plot(curve.sizes, curve.medians(name), marker="o", label=name)
        axes.fill_between(curve.sizes, [min(point) for point in points], [max(point) for point in points], alpha=0.2)
    axes.set(xscale="log", yscale="log", title=curve.title, xlabel=curve.size, ylabel=curve.unit)
    axes.grid(which="both", alpha=0.3)
    axes.legend()
    figure.savefig(path, metadata={"Date": None})


def as_text(curve: Curve, picture: str) -> str:
    """For the page of all benchmarks. picture: the name of the file that `draw` has written."""
    head = f"| {curve.size} | {' | '.join(curve.figures)} |\n|---|{'---|' * len(curve.figures)}"
    rows = [
        f"| {size:,} | {' | '.join(_shown(curve.medians(name)[at]) for name in curve.figures)} |"
        for at, size in enumerate(curve.sizes)
    ]
    title = f"### {curve.title}: {curve.unit}\n"
    return "\n".join([title, head, *rows, "", *curve.bends(), "", f"![{curve.title}]({picture})"]) + "\n"


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
