"""`townlet watch`: the agent living, in the terminal."""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from typing import Any

import torch
from rich.console import Console
from rich.live import Live
from rich.panel import Panel

from townlet.config import Config
from townlet.launch.find_run import find_run, load_run_config, policy_reader
from townlet.networks.acting import ActingNetwork
from townlet.networks.build import build_network
from townlet.policy import load_weights
from townlet.td import masked_argmax
from townlet.telemetry import configure_logging
from townlet.worlds.build import build_world, world_spec
from townlet.worlds.gymnasium.settings import GymnasiumSettings
from townlet.worlds.hamlet import portrait as hamlet
from townlet.worlds.hamlet.rules import HamletSettings
from townlet.worlds.moment import Moment
from townlet.worlds.portrait import one_line, portrait
from townlet.worlds.recall.rules import RecallSettings


def watch_command(run: str, fps: float, episodes: int | None, seed: int | None, version: int | None) -> None:
    """Show greedy episodes of the run's averaged network, step by step, until they are over or Ctrl-C.

    On a terminal one picture is redrawn, elsewhere each step is a line. A run that still trains is followed: each
    episode is played with its newest policy, but all with that of `version` if one is named. Raises TownletError.
    """
    folder = find_run(run)
    configure_logging("watch", folder.path.name)
    config = load_run_config(folder)
    line_of, picture_of = showing(config)
    policy = policy_reader(folder, config, version)
    moments = live_on(policy, config, secrets.randbits(40) if seed is None else seed)
    console = Console()
    watched = 0
    with suppress(KeyboardInterrupt), _live(console) as live:
        for moment in moments:
            if live is None:
                console.print(line_of(moment), highlight=False, soft_wrap=True)
            else:
                live.update(picture_of(moment), refresh=True)
                time.sleep(1.0 / fps)
            watched += moment.last
            if watched == episodes:
                return


@torch.no_grad()
def live_on(policy: Callable[[], tuple[bytes, str]], config: Config, seed: int) -> Iterator[Moment[Any]]:
    """Step after step of greedy episodes, for ever, each with what `policy` reads then. Raises TownletError."""
    network = build_network(config.network, world_spec(config))
    world = build_world(config, lanes=1, seed=seed)
    acting = ActingNetwork(network, world.lanes, world.device)
    view = world.reset()
    total = 0.0
    while True:
        load_weights(network, *policy())
        last = False
        while not last:
            before = world.lane(0)
            q = acting.q(view)
            action = masked_argmax(q, view.action_mask)
            allowed = tuple(view.action_mask[0].tolist())
            step = world.step(action)
            acting.remember(action, step)
            view = step.view
            if step.dropped is not None:
                break  # another episode has begun
            last = step.finished is not None
            total += float(step.reward)
            yield Moment(
                lane=before,
                q=tuple(q[0].tolist()),
                action_mask=allowed,
                action=int(action),
                reward=float(step.reward),
                total=total,
                last=last,
                died=bool(step.terminated),
            )
        total = 0.0


def showing(config: Config) -> tuple[Callable[[Moment[Any]], str], Callable[[Moment[Any]], Panel]]:
    """How a moment of the configured world is told in one line, and how it is drawn."""
    match config.world:
        case HamletSettings() as rules:
            return hamlet.one_line, lambda moment: hamlet.portrait(moment, rules)
        case GymnasiumSettings(id=name):
            return one_line, lambda moment: portrait(moment, name)
        case RecallSettings(kind=name):
            return one_line, lambda moment: portrait(moment, name)


def _live(console: Console) -> Live | nullcontext[None]:
    return Live(console=console, auto_refresh=False, screen=False) if console.is_terminal else nullcontext()
