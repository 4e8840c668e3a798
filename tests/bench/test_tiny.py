"""Every benchmark runs, in its tiny form, and finds a figure for all that it compares.

Those with tests of their own, in `test_NAME.py`, need not be listed here.
"""

import inspect
import math
import shutil
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest
from tiny_benchmark import exit_status

import bench
from bench.__main__ import BENCHMARKS
from bench.report import read

HERE = Path(__file__).parent


class Table(NamedTuple):
    """What is compared in one table, at least: with a peer it is more."""

    cases: tuple[str, ...]
    ratios: tuple[str, ...] = ()


OVERHEAD = Table(
    ("through the services", "batch in memory", "another in memory"), ("services / memory", "services / another")
)
UPDATE = Table(("the learner's update", "the plain loop", "products alone"), ("ours / plain", "products alone / plain"))
COMPILED = Table((*UPDATE.cases, "compiled"), (*UPDATE.ratios, "compiled / plain")) if shutil.which("g++") else UPDATE
RANKS = Table(("one rank", "two ranks", "two, in buckets"), ("two / one", "sum / buckets"))
RACE = Table(
    ("insert, durable", "sample", "gRPC alone, dropped", "Redis alone, durable", "disk alone, synced"),
    ("insert / gRPC alone", "insert / Redis alone", "insert / disk alone"),
)
SUBSCRIBERS = ("10 subscribers", "10, serialised for each", "20 subscribers", "20 behind 2 relays")
FAN_OUT = Table(
    tuple(f"{who}: {what}" for who in SUBSCRIBERS for what in ("learner's CPU", "half have it", "95 % have it")),
    ("CPU: 20 behind relays / 10", "CPU: 20 / 10", "CPU: serialised for each / once"),
)
TABLES = {
    "append": [
        Table(
            ("append to durable", "gRPC alone, dropped", "Redis alone, durable"),
            ("append / gRPC alone", "append / Redis alone"),
        )
    ],
    "sample": [
        Table(
            ("sample, as batches of tensors", "sample, as bytes", "gRPC alone, same bytes", "gather alone, no service"),
            ("batches / gRPC alone", "bytes / gRPC alone", "bytes / gather alone"),
        )
    ],
    "replay_race": [RACE] * 4,
    "update": [COMPILED, UPDATE, COMPILED],
    "learner_overhead": [OVERHEAD],
    "recurrent_learner_overhead": [OVERHEAD],
    "r2d2_sample": [Table(("draw a batch", "update"), ("draw / update",))],
    "ranks": [RANKS] * 2,
    "fan_out": [FAN_OUT, Table(("report", "acknowledge"))],
    "lockstep": [
        Table(
            ("async", "lockstep, lag 1", "lockstep, lag 0"),
            ("lockstep, lag 1 / async", "lockstep, lag 0 / async"),
        )
    ],
    "idle_connections": [Table(("alone", "9 idle connections"), ("9 idle connections / alone",))],
}
OPTIONS = {
    "sample": "--steps 4000",
    "replay_race": "--percent 10",
    "r2d2_sample": "--steps 10000",
    "ranks": "--batches 2",
    "fan_out": "--subscribers 20 --relays 2 --policies 1",
    "lockstep": "--updates 50",
    "idle_connections": "--window 5 --connections 9",
}
"""That make it tiny, beside those that all have."""
WHOLE_RUNS = {"lockstep", "idle_connections"}
"""Each run starts half a dozen processes."""


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in WHOLE_RUNS else []) for name in TABLES]
)
def test_it_compares_what_it_claims(name, tmp_path):
    found, output = tmp_path / "found.json", tmp_path / "output"
    options = ("--rounds", "1", "--seconds", "0.05", "--json", str(found), *OPTIONS.get(name, "").split())
    assert exit_status(name, options, output) == 0, output.read_text()
    comparisons = read(found)
    assert len(comparisons) == len(TABLES[name]), comparisons
    for comparison, table in zip(comparisons, TABLES[name], strict=True):
        assert set(table.cases) <= set(comparison.figures)
        assert set(table.ratios) <= set(comparison.ratios)
        assert set(comparison.units) == set(comparison.figures)
        for case, values in (comparison.figures | comparison.ratios).items():
            assert len(values) == 1, case
            assert math.isfinite(values[0]), case
            assert values[0] > 0.0, case


def measures(name: str) -> bool:
    """Whether the module is a benchmark: one that claims something, or that runs when it is told nothing."""
    module = import_module(f"bench.{name}")
    main = getattr(module, "main", None)
    runs = main is not None and not inspect.iscoroutinefunction(main) and not inspect.signature(main).parameters
    return runs or (module.__doc__ or "").startswith("Claim: ")


def test_no_benchmark_goes_untested():
    modules = {path.stem for path in Path(bench.__path__[0]).glob("*.py")} - {"__init__", "__main__"}
    benchmarks = {name for name in modules if measures(name)}
    assert set(BENCHMARKS) <= benchmarks
    tested = TABLES.keys() | {path.stem.removeprefix("test_") for path in HERE.glob("test_*.py")}
    assert benchmarks <= tested, f"neither in TABLES nor in a test_NAME.py: {benchmarks - tested}"
