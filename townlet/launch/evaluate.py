"""`townlet evaluate`: how long the agent lives, beside those who have learnt nothing and one who was told the rules."""

import secrets

from townlet.evaluation import Actions, Survival, play
from townlet.launch.find_run import find_run, load_run_config, read_policy
from townlet.networks.interface import build_network
from townlet.policy import load_weights
from townlet.worlds.build import build_world, world_spec


def evaluate_command(run: str, episodes: int, seed: int | None, as_json: bool) -> None:
    """Play `episodes` greedy episodes of the run's averaged network, and as many of each baseline. Raises TownletError."""
    folder = find_run(run)
    config = load_run_config(folder)
    network = build_network(config.network, world_spec(config)).requires_grad_(False)
    load_weights(network, read_policy(folder), str(folder.policy))
    seed = secrets.randbits(40) if seed is None else seed

    def survival(actions: Actions) -> Survival:
        return play(build_world(config, episodes, seed), actions)
