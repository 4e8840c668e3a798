"""`townlet up` and `townlet config check`, from their arguments to their work."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from townlet.config import Config
from townlet.config_file import load_config


def up_command(path: Path, run: str | None, overrides: Sequence[str]) -> int:
    """Start the run, or take it up again; the exit code. Raises TownletError."""
    from townlet.launch.progress import Progress
    from townlet.launch.up import up

    config = load_config(path, overrides, os.environ)
    if run is not None:
        config = load_config(path, [*overrides, f"run.name={run}"], os.environ)
    elif "name" not in config.run.model_fields_set:
        name = f"{path.stem}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
        config = config.model_copy(update={"run": config.run.model_copy(update={"name": name})})
    return up(config, Progress(Console()))


def check_command(path: Path, overrides: Sequence[str]) -> None:
    """Load a configuration and say what it is. Raises ConfigError."""
    config = load_config(path, overrides, os.environ)
    Console().print(f"{path}: good. {_summary(config)}", highlight=False, soft_wrap=True)


def _summary(config: Config) -> str:
    return (
        f"{config.world.kind} world, {config.actor.count} x {config.actor.lanes} lanes, network {config.network.kind}, "
        f"digest {config.digest()}"
    )
