"""Claim: where the action mask does not tell who is broke, agents learn to work before they pay.

Two whole runs of L1 from the same seed, one as shipped and one with the mask that hides what cannot be paid. Their
evaluations tell how often the agent works for each care that it pays for, and how often it had worked before it paid.
The curves are drawn to --plot.
"""

import argparse
import json
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.whole_run import result, train

CONFIG = Path("configs/L1_full.yaml")
FIGURES = {
    "uses/Job": "whole uses of Job an episode",
    "work_per_paid_care": "work for each paid care",
    "paid_care_after_work": "share of paid care after work",
    "mean_survival": "greedy survival, steps",
}
MASKS = {"mask without money (as shipped)": "false", "mask with money": "true"}
POINTS_SHOWN = 8

Curve = list[dict[str, float]]
"""The evaluations of one run: `updates` and each of FIGURES."""


class Options(argparse.Namespace):
    """The command line."""

    settings: list[str]
    updates: int
    seed: int
    plot: Path
    json: Path | None


def main() -> None:
    """Train, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("settings", nargs="*", help="of both runs, beside those of the claim: evaluation.episodes=50")
    parser.add_argument("--updates", type=int, default=24_000, help="length of each run (default 24000)")
    parser.add_argument("--seed", type=int, default=1, help="of both runs (default 1)")
    parser.add_argument("--plot", type=Path, default=Path("docs/economy.svg"), help="where to draw the curves")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    chosen = parser.parse_args(namespace=Options())
    curves = {name: learned(chosen, mask) for name, mask in MASKS.items()}
    for mask, curve in curves.items():
        Console().print(table(mask, curve))
    draw(curves, chosen.plot)
    if chosen.json:
        chosen.json.write_text(json.dumps(curves, indent=1))


def learned(chosen: Options, mask: str) -> Curve:
    """One run's evaluations."""
    with tempfile.TemporaryDirectory() as root:
        overrides = (
            *(f"seed={chosen.seed}", f"world.payment.mask_unaffordable={mask}"),
            *("evaluation.goal=null", "evaluation.period_updates=500", f"learner.max_updates={chosen.updates}"),
            *chosen.settings,
        )
        found = result(train(CONFIG, Path(root) / "economy", *overrides))["evaluations"]
    return [{name: ({**point, **point["habits"]})[name] for name in ("updates", *FIGURES)} for point in found]


def table(mask: str, curve: Curve) -> Table:
    """A few points of the curve, evenly, up to the last one."""
    shown = Table("updates", *FIGURES.values(), title=mask)
    for point in curve[::-1][:: -(-len(curve) // POINTS_SHOWN)][::-1]:
        shown.add_row(f"{point['updates']:.0f}", *(f"{point[name]:.2f}" for name in FIGURES))
    return shown


def draw(curves: dict[str, Curve], path: Path) -> None:
    """Each figure over the updates."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6), layout="constrained")
    for axes, (name, title) in zip(figure.subplots(2, 2).flat, FIGURES.items(), strict=True):
        for mask, curve in curves.items():
            axes.plot([point["updates"] for point in curve], [point[name] for point in curve], label=mask)
        axes.set_title(title)
        axes.set_xlabel("updates")
        axes.grid(alpha=0.3)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    figure.savefig(path)


if __name__ == "__main__":
    main()
