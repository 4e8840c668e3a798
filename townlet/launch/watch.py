"""`townlet watch`: the agent living, in the terminal."""

import secrets
import time
from collections.abc import Iterator
from contextlib import nullcontext, suppress

import torch
from rich.console import Console
from rich.live import Live

from townlet.config import Config
from townlet.errors import TownletError
from townlet.launch.find_run import find_run, load_run_config, read_policy
from townlet.networks.acting import ActingNetwork
from townlet.networks.build import build_network
from townlet.policy import load_weights
from townlet.run_folder import RunFolder
from townlet.td import masked_argmax
from townlet.worlds.build import build_world, world_spec
from townlet.worlds.hamlet.portrait import Moment, one_line, portrait
from townlet.worlds.hamlet.rules import HamletSettings
from townlet.worlds.hamlet.world import HamletWorld


def watch_command(run: str, fps: float, episodes: int | None, seed: int | None) -> None:
    """Show greedy episodes of the run's averaged network, step by step, until they are over or Ctrl-C.

    On a terminal one picture is redrawn, elsewhere each step is a line. A run that still trains is followed: each
    episode is played with its newest policy. Raises TownletError.
    """
    folder = find_run(run)
    config = load_run_config(folder)
    moments = live_on(folder, config, secrets.randbits(40) if seed is None else seed)
    console = Console()
    watched = 0
    with suppress(KeyboardInterrupt), _live(console) as live:
        for moment in moments:
            if live is None:
                console.print(one_line(moment), highlight=False, soft_wrap=True)
            else:
                assert isinstance(config.world, HamletSettings)
                live.update(portrait(moment, config.world), refresh=True)
                time.sleep(1.0 / fps)
            watched += moment.last
            if watched == episodes:
                return


@torch.no_grad()
def live_on(folder: RunFolder, config: Config, seed: int) -> Iterator[Moment]:
    """Step after step of greedy episodes, each with the newest policy, for ever. Raises TownletError."""
    network = build_network(config.network, world_spec(config))
    world = build_world(config, lanes=1, seed=seed)
    if not isinstance(world, HamletWorld):
        raise TownletError(f"watch: expected a run of the Hamlet world, found {config.world.kind}")
    acting = ActingNetwork(network, world.lanes, world.device)
    view = world.reset()
    total = 0.0
    while True:
        load_weights(network, read_policy(folder), str(folder.policy))
        last = False
        while not last:
            before = world.lane(0)
            q = acting.q(view)
            action = masked_argmax(q, view.action_mask)
            step = world.step(action)
            acting.remember(action, step)
            last = step.finished is not None
            total += float(step.reward)
            yield Moment(
                lane=before,
                q=tuple(q[0].tolist()),
                action_mask=tuple(view.action_mask[0].tolist()),
                action=int(action),
                reward=float(step.reward),
                total=total,
                last=last,
                died=bool(step.terminated),
            )
            view = step.view
        total = 0.0


def _live(console: Console) -> Live | nullcontext[None]:
    return Live(console=console, auto_refresh=False, screen=False) if console.is_terminal else nullcontext()
