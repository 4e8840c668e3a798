"""`townlet up` and `townlet config check`, from their arguments to their work."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from townlet.config import Config
from townlet.config_file import load_config
from townlet.worlds.gymnasium.settings import GymnasiumSettings


def up_command(path: Path, run: str | None, overrides: Sequence[str], fallback: bool) -> int:
    """Start the run, or take it up again; the exit code. fallback: see `up`. Raises TownletError."""
    from townlet.launch.progress import Progress
    from townlet.launch.up import up

    config = load_config(path, overrides, os.environ)
    if run is not None:
        config = load_config(path, [*overrides, f"run.name={run}"], os.environ)
    elif "name" not in config.run.model_fields_set:
        name = f"{path.stem}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
        config = config.model_copy(update={"run": config.run.model_copy(update={"name": name})})
    require_world(config)
    return up(config, Progress(Console()), fallback)


def check_command(path: Path, overrides: Sequence[str]) -> None:
    """Load a configuration and say what it is. Raises ConfigError."""
    config = load_config(path, overrides, os.environ)
    require_world(config)
    Console().print(f"{path}: good. {_summary(config)}", highlight=False, soft_wrap=True)


def require_world(config: Config) -> None:
    """Ask a world that somebody else wrote whether it is there and can be learnt in. Raises ConfigError."""
    if isinstance(config.world, GymnasiumSettings):
        from townlet.worlds.gymnasium.spec import environment_spec

        environment_spec(config.world)


def _summary(config: Config) -> str:
    return (
        f"{_world(config)} world, {config.actor.count} x {config.actor.lanes} lanes, network {config.network.kind}, "
        f"digest {config.digest()}"
    )


def _world(config: Config) -> str:
    return config.world.id if isinstance(config.world, GymnasiumSettings) else config.world.kind
