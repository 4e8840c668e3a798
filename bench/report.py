"""What `python -m bench` measured, as a page: docs/benchmarks.md and a picture of the ratios."""

import json
import os
import platform
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib

matplotlib.use("Agg")

import torch
from matplotlib import pyplot as plt

from bench.curve import Curve, as_text
from bench.curve import draw as draw_curve
from bench.rounds import Comparison

PAGE, PICTURE = Path("docs/benchmarks.md"), Path("docs/benchmarks.svg")
HEAD = """# Benchmarks

Each claim is a module of `bench/`, measured by `python -m bench.NAME`; `make bench` measures all of them and writes
this page. Only ratios count: all cases of a table were measured in turn, in one run, so that a machine whose speed
drifts treats them alike. A peer's rows are missing where `make bench-peers` has not been run.
"""


def read(path: Path) -> list[Comparison | Curve]:
    """What a benchmark wrote; nothing if it wrote nothing."""
    found = json.loads(path.read_text()) if path.exists() else []
    return [Curve(**each) if "sizes" in each else Comparison(**each) for each in found]


def write_page(
    measured: Mapping[str, Sequence[Comparison | Curve]],
    page: Path = PAGE,
    picture: Path = PICTURE,
    failed: Collection[str] = (),
) -> None:
    """measured: by the benchmark's name; of one that has failed, what it had found until then.

    Each curve has a picture of its own, beside that of all ratios.
    """
    draw(measured, picture)
    parts = [
        HEAD,
        f"Measured on {_machine()}, {date.today():%Y-%m-%d}. {_gpu()}\n",
        f"![Every ratio]({picture.name})\n",
    ]
    for name, found in measured.items():
        claim = (import_module(f"bench.{name}").__doc__ or "").strip()
        parts.append(f"## {name}\n\n{claim}\n")
        if name in failed:
            parts.append("**It failed here**, and had measured no more than what follows, if anything.\n")
        for at, each in enumerate(found):
            if isinstance(each, Curve):
                drawn = picture.with_name(f"{picture.stem}-{name}-{at}{picture.suffix}")
                draw_curve(each, drawn)
                parts.append(as_text(each, drawn.name))
            else:
                parts.append(_table(each))
    page.write_text("\n".join(parts))


def draw(measured: Mapping[str, Sequence[Comparison | Curve]], path: Path) -> None:
    """The median ratio of each claim and its range, on a scale where twice and half as fast are equally far from 1."""
    rows = [(f"{title}: {name}", values) for title, name, values in _ratios(measured)]
    figure, axes = plt.subplots(figsize=(10, 1 + 0.3 * max(1, len(rows))))
    for at, (_, values) in enumerate(reversed(rows)):
        axes.plot([min(values), max(values)], [at, at], color="tab:gray", linewidth=3, alpha=0.5)
        axes.plot(median(values), at, "o", color="tab:blue")
    axes.set_yticks(range(len(rows)), [name for name, _ in reversed(rows)], fontsize=7)
    axes.set_xscale("log")
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_xlabel("ratio: median and range over the rounds")
    axes.grid(axis="x", which="both", alpha=0.3)
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


def _ratios(measured: Mapping[str, Sequence[Comparison | Curve]]) -> Iterator[tuple[str, str, list[float]]]:
    for found in measured.values():
        for each in found:
            for name, values in each.ratios.items() if isinstance(each, Comparison) else ():
                yield each.title, name, values


def _table(comparison: Comparison) -> str:
    rows = [_row(name, values, comparison.units[name]) for name, values in comparison.figures.items()]
    rows += [_row(f"**{name}**", values, "ratio") for name, values in comparison.ratios.items()]
    head = "| case | median | lowest | highest | unit |\n|---|---|---|---|---|"
    return "\n".join([f"### {comparison.title}\n", head, *rows]) + "\n"


def _row(name: str, values: Sequence[float], unit: str) -> str:
    cells = (f"{value:.3g}" if value < 100 else f"{value:,.0f}" for value in (median(values), min(values), max(values)))
    return f"| {name} | {' | '.join(cells)} | {unit} |"


def _gpu() -> str:
    if torch.cuda.is_available():
        return f"Its GPU: {torch.cuda.get_device_name()}."
    return (
        "It has no GPU; where there is one, `make test-gpu` runs the tests that need it, and the update is measured by "
        "`TOWNLET__LEARNER__DEVICE=cuda TOWNLET__LEARNER__PRECISION=bfloat16 python -m bench.update`."
    )


def _machine() -> str:
    cores = len(os.sched_getaffinity(0))
    found: dict[str, Any] = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        key, _, value = line.partition(":")
        found.setdefault(key.strip(), value.strip())
    return f"{cores} cores of {found.get('model name', platform.machine())}"
