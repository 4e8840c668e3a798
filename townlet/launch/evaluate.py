"""`townlet evaluate`: how well the agent does, beside those who have learnt nothing and one who was told the rules."""

import json
import secrets
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from townlet.config import Config
from townlet.errors import ConfigError
from townlet.evaluation import Forgetful, Greedy, Player, Survival, play
from townlet.launch.find_run import find_run, load_run_config, policy_reader
from townlet.networks.build import build_network
from townlet.networks.interface import QNetwork
from townlet.policy import load_weights
from townlet.run_folder import RunFolder
from townlet.statistics import Mean
from townlet.telemetry import configure_logging
from townlet.worlds.build import baselines, build_world, diary, world_spec
from townlet.worlds.interface import VectorWorld

AGENT = "agent, greedy"
FORGETFUL = "its memory cut"

Players = dict[str, Callable[[VectorWorld], Player]]
"""By name, who plays; each is built for a world."""


def evaluate_command(
    run: str, beside: list[str], episodes: int, seed: int | None, as_json: bool, version: int | None
) -> None:
    """Play `episodes` greedy episodes of the run's averaged network, and as many of each baseline.

    beside: other runs in the same world, whose agents play too. version: of the run; None plays the policy that was
    saved last. Raises TownletError.
    """
    folder = find_run(run)
    configure_logging("evaluate", folder.path.name)
    config = load_run_config(folder)
    spec = world_spec(config)
    network = trained_network(folder, config, version)
    policies: Players = {AGENT: lambda world: Greedy(network, world)}
    if network.state_size:
        policies[FORGETFUL] = lambda world: Forgetful(network, world)
    for other in map(find_run, beside):
        policies[other.path.name] = _agent_of(other, config)
    policies |= baselines(config)
    found = play_all(config, policies, episodes, secrets.randbits(40) if seed is None else seed, quiet=as_json)
    console = Console()
    if as_json:
        console.print_json(json.dumps(_as_values(found, episodes)))
    else:
        console.print(_table(found, f"{folder.path.name}: {episodes} episodes, cap {spec.step_cap}"))
        if found[AGENT].habits:
            console.print(_habits(found))


def trained_network(folder: RunFolder, config: Config, version: int | None = None) -> QNetwork:
    """The run's averaged network as it was last saved, or in a version. Raises TownletError."""
    network = build_network(config.network, world_spec(config)).requires_grad_(False)
    load_weights(network, *policy_reader(folder, config, version)())
    return network


def _agent_of(folder: RunFolder, config: Config) -> Callable[[VectorWorld], Player]:
    """The agent of another run. Raises ConfigError when it lives in another world than `config` has."""
    its = load_run_config(folder)
    if its.world != config.world:
        raise ConfigError(f"--beside {folder.path}: expected a run in the same world, found one in another")
    network = trained_network(folder, its)
    return lambda world: Greedy(network, world)


def play_all(config: Config, policies: Players, episodes: int, seed: int, quiet: bool) -> dict[str, Survival]:
    """One episode in each of `episodes` lanes, for each policy, all of them from the same starts."""
    found = {}
    for name, actions in track(policies.items(), "playing", transient=True, disable=quiet):
        world = build_world(config, episodes, seed)
        found[name] = play(world, actions(world), diary(world))
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
        "return_standard_error": survival.mean_return.standard_error,
        "return_interval_95": list(survival.mean_return.interval),
        "habits": survival.habits,
    }


def _table(found: dict[str, Survival], title: str) -> Table:
    table = Table("policy", "survival", "95 % interval", "return", "95 % interval", title=title)
    for name, survival in found.items():
        figures = [(_figure(mean.value), _interval(mean)) for mean in (survival.mean, survival.mean_return)]
        table.add_row(name, *(text for pair in figures for text in pair))
    return table


def _habits(found: dict[str, Survival]) -> Table:
    table = Table("what they do, an episode", *found, title="habits")
    for name in found[AGENT].habits:
        table.add_row(name, *(_figure(survival.habits[name]) for survival in found.values()))
    return table


def _interval(mean: Mean) -> str:
    low, high = mean.interval
    return f"{_figure(low)} to {_figure(high)}"


def _figure(value: float) -> str:
    """One digit after the point, three where a return is small."""
    return f"{value:.1f}" if abs(value) >= 10.0 else f"{value:.3g}"
