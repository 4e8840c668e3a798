"""Claim: in a town that is new every episode, seen through a 5x5 window, an agent with a memory lives longer.

For each seed one run with an LSTM and one without, for the same number of environment steps; then both, and the first
with its memory cut before each step, play the same towns, which none of them has seen. All runs are kept under --runs,
and those that have ended are taken as they are, so that an interrupted comparison goes on. The curves are drawn to
--plot.
"""

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.whole_run import evaluated, result, train
from townlet.run_folder import RunFolder

WITH_MEMORY, WITHOUT = Path("configs/L2R_recurrent.yaml"), Path("configs/L2R_random.yaml")


class Options(argparse.Namespace):
    """The command line."""

    updates: int
    seeds: list[int]
    grid: int
    episodes: int
    runs: Path
    plot: Path
    json: Path | None


@dataclass(frozen=True)
class Pair:
    """Mean survival, steps, of one seed's two agents. cut: the first one with its memory cut."""

    seed: int
    memory: float
    cut: float
    none: float


def main() -> None:
    """Train, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--updates", type=int, default=50_000, help="of 128 environment steps (default 50000)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="a pair of runs each (default 1 2 3)")
    parser.add_argument("--grid", type=int, default=8, help="cells to a side of the town (default 8)")
    parser.add_argument("--episodes", type=int, default=1000, help="towns that all play in the end (default 1000)")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where the runs are kept (default runs)")
    parser.add_argument("--plot", type=Path, default=Path("docs/memory.svg"), help="where to draw the curves")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    chosen = parser.parse_args(namespace=Options())
    runs = {seed: (trained(WITH_MEMORY, chosen, seed), trained(WITHOUT, chosen, seed)) for seed in chosen.seeds}
    draw(list(runs.values()), chosen)
    pairs = [compared(seed, *pair, chosen.episodes) for seed, pair in runs.items()]
    Console().print(table(pairs, chosen))
    if chosen.json:
        chosen.json.write_text(json.dumps([asdict(pair) for pair in pairs], indent=2) + "\n")


def trained(config: Path, chosen: Options, seed: int) -> RunFolder:
    """A run of the comparison."""
    path = chosen.runs / f"{config.stem}-{chosen.grid}x{chosen.grid}-{seed}"
    overrides = (f"seed={seed}", f"world.grid={chosen.grid}", f"learner.max_updates={chosen.updates}")
    return train(config, path, *overrides, "evaluation.goal=null", "evaluation.period_updates=2000")


def compared(seed: int, memory: RunFolder, none: RunFolder, episodes: int) -> Pair:
    """How long the agents of a pair live in the same towns."""
    found = evaluated(memory, none, episodes=episodes)
    others = found["baselines"]
    cut, without = (others[name]["mean_survival"] for name in ("its memory cut", none.path.name))
    return Pair(seed, found["mean_survival"], cut, without)


def table(pairs: list[Pair], chosen: Options) -> Table:
    """Mean survival of all."""
    title = f"survival of {chosen.episodes} towns of {chosen.grid}x{chosen.grid}, never seen"
    shown = Table("seed", "memory", "its memory cut", "without memory", "more by", title=title)
    for pair in pairs:
        figures = (pair.memory, pair.cut, pair.none, pair.memory - pair.none)
        shown.add_row(str(pair.seed), *(f"{figure:.1f}" for figure in figures))
    return shown


def draw(pairs: list[tuple[RunFolder, RunFolder]], chosen: Options) -> None:
    """Greedy survival over the updates, a line for each run."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    for pair in pairs:
        for folder, colour in zip(pair, ("tab:blue", "tab:orange"), strict=True):
            points = result(folder)["evaluations"]
            survival = [point["mean_survival"] for point in points]
            axes.plot([point["updates"] for point in points], survival, colour, label=folder.path.name)
    axes.set_title(f"greedy survival in new towns of {chosen.grid}x{chosen.grid}, steps")
    axes.set_xlabel("updates (128 environment steps each)")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(chosen.plot)


if __name__ == "__main__":
    main()
