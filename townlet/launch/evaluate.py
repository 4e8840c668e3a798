"""`townlet evaluate`: how long the agent lives, beside those who have learnt nothing and one who was told the rules."""

import json
import secrets
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from townlet.config import Config
from townlet.evaluation import Greedy, Player, Survival, play
from townlet.launch.find_run import find_run, load_run_config, read_policy
from townlet.networks.build import build_network
from townlet.policy import load_weights
from townlet.statistics import Mean
from townlet.worlds.build import baselines, build_world, world_spec
from townlet.worlds.interface import VectorWorld

AGENT = "agent, greedy"


def evaluate_command(run: str, episodes: int, seed: int | None, as_json: bool) -> None:
    """Play `episodes` greedy episodes of the run's averaged network, and as many of each baseline.

    Raises TownletError.
    """
    folder = find_run(run)
    config = load_run_config(folder)
    network = build_network(config.network, world_spec(config)).requires_grad_(False)
    load_weights(network, read_policy(folder), str(folder.policy))
    policies: dict[str, Callable[[VectorWorld], Player]] = {
        AGENT: lambda world: Greedy(network, world),
        **baselines(config),
    }
    found = play_all(config, policies, episodes, secrets.randbits(40) if seed is None else seed, quiet=as_json)
    console = Console()
    if as_json:
        console.print_json(json.dumps(_as_values(found, episodes)))
    else:
        console.print(_table(found, f"{folder.path.name}: {episodes} episodes, cap {config.world.step_cap}"))


def play_all(
    config: Config, policies: dict[str, Callable[[VectorWorld], Player]], episodes: int, seed: int, quiet: bool
) -> dict[str, Survival]:
    """One episode in each of `episodes` lanes, for each policy, all of them from the same starts."""
    found = {}
    for name, actions in track(policies.items(), "playing", transient=True, disable=quiet):
        world = build_world(config, episodes, seed)
        found[name] = play(world, actions(world))
    return found


def _as_values(found: dict[str, Survival], episodes: int) -> dict[str, Any]:
    baselines = {name: _values(survival) for name, survival in found.items() if name != AGENT}
    return {"episodes": episodes, **_values(found[AGENT]), "baselines": baselines}


def _values(survival: Survival) -> dict[str, Any]:
    return {
        "mean_survival": survival.mean.value,
        "standard_error": survival.mean.standard_error,
        "interval_95": list(survival.mean.interval),
        "mean_return": survival.mean_return.value,
    }


def _table(found: dict[str, Survival], title: str) -> Table:
    table = Table("policy", "survival", "95 % interval", "return", title=title)
    for name, survival in found.items():
        table.add_row(name, f"{survival.mean.value:.1f}", _interval(survival.mean), f"{survival.mean_return.value:.1f}")
    return table


def _interval(mean: Mean) -> str:
    low, high = mean.interval
    return f"{low:.1f} to {high:.1f}"
