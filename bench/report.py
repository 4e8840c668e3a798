"""What `python -m bench` measured: kept in docs/benchmarks, shown on docs/benchmarks.md and a picture of the ratios."""

import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
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

HEAD = """# Benchmarks

Each claim is a module of `bench/`, measured by `python -m bench.NAME`. `make bench` measures all of them, and
`python -m bench NAME ...` some of them anew; both keep what they find in `docs/benchmarks`, and write this page of all
that is there. Only ratios count: all cases of a table were measured in turn, in one run, so that a machine whose speed
drifts treats them alike. A peer's rows are missing where `make bench-peers` has not been run. On a machine with a GPU
`make test-gpu` runs the tests that need one, and the update is measured by
`TOWNLET__LEARNER__DEVICE=cuda TOWNLET__LEARNER__PRECISION=bfloat16 python -m bench.update`.
"""


@dataclass(frozen=True)
class Measured:
    """What a benchmark found, where and when. failed: whether it went wrong in the end, and found no more than this."""

    machine: str
    day: str
    failed: bool
    found: Sequence[Comparison | Curve]


def measured_here(found: Sequence[Comparison | Curve], *, failed: bool = False) -> Measured:
    """Today, on this machine."""
    return Measured(_machine(), f"{date.today():%Y-%m-%d}", failed, found)


def read(path: Path) -> list[Comparison | Curve]:
    """What a benchmark wrote; nothing if it wrote nothing."""
    return [_found(each) for each in json.loads(path.read_text())] if path.exists() else []


def keep(name: str, measured: Measured, folder: Path) -> None:
    """For the page, now and later, in the place of what was found before."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(asdict(measured), indent=2) + "\n")


def kept(names: Sequence[str], folder: Path) -> dict[str, Measured]:
    """What was found last by those of these benchmarks that have run."""
    paths = {name: folder / f"{name}.json" for name in names}
    return {name: _measured(json.loads(path.read_text())) for name, path in paths.items() if path.exists()}


def write_page(measured: Mapping[str, Measured], page: Path) -> None:
    """measured: by the benchmark's name. Each curve has a picture of its own, beside that of all ratios."""
    picture = page.with_suffix(".svg")
    draw(measured, picture)
    parts = [HEAD, f"![Every ratio]({picture.name})\n"]
    for name, each in measured.items():
        claim = (import_module(f"bench.{name}").__doc__ or "").strip()
        parts.append(f"## {name}\n\n{claim}\n\nMeasured on {each.machine}, {each.day}.\n")
        if each.failed:
            parts.append("**It failed here**, and had measured no more than what follows, if anything.\n")
        for at, found in enumerate(each.found):
            if isinstance(found, Curve):
                drawn = picture.with_name(f"{picture.stem}-{name}-{at}{picture.suffix}")
                draw_curve(found, drawn)
                parts.append(as_text(found, drawn.name))
            else:
                parts.append(_table(found))
    page.write_text("\n".join(parts))


def draw(measured: Mapping[str, Measured], path: Path) -> None:
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


def _ratios(measured: Mapping[str, Measured]) -> Iterator[tuple[str, str, list[float]]]:
    for benchmark in measured.values():
        for each in benchmark.found:
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


def _found(values: dict[str, Any]) -> Comparison | Curve:
    return Curve(**values) if "sizes" in values else Comparison(**values)


def _measured(values: dict[str, Any]) -> Measured:
    return Measured(**{**values, "found": [_found(each) for each in values["found"]]})


def _machine() -> str:
    cores = len(os.sched_getaffinity(0))
    found: dict[str, Any] = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        key, _, value = line.partition(":")
        found.setdefault(key.strip(), value.strip())
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "without a GPU"
    return f"{cores} cores of {found.get('model name', platform.machine())}, {gpu}"
