"""Shards in front of an embedded server, as processes, filled as a run would fill them."""

import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from actor.append_client import AppendClient
from townlet.config import Config
from townlet.config_file import dump_config, load_config
from townlet.launch.places import place
from townlet.launch.redis_server import server_command
from townlet.records import RecordLayout, encode
from townlet.run_folder import RunFolder
from townlet.specs import FieldSpec
from townlet.worlds.build import world_spec

EPISODE_STEPS = 500


@dataclass(frozen=True)
class Services:
    """Shards that serve, and the configuration with their addresses."""

    config: Config
    shards: list["subprocess.Popen[bytes]"]


@contextmanager
def replay_services(config_path: Path, *overrides: str) -> Iterator[Services]:
    """Start Redis and every shard of the configuration."""
    with tempfile.TemporaryDirectory(prefix="bench-") as root:
        config = load_config(config_path, [f"run.root={root}", *overrides])
        folder = RunFolder(config.run.folder)
        folder.redis.mkdir(parents=True)
        config = place(config, folder)
        folder.config.write_text(dump_config(config))
        shard = [sys.executable, "-m", "replay_service", str(folder.config), "--index"]
        commands = [
            server_command(folder.redis, config.replay.durability),
            *([*shard, str(index)] for index in range(len(config.replay.addresses))),
        ]
        with (folder.path / "log").open("wb") as log:
            processes = [subprocess.Popen(command, stdout=log, stderr=log) for command in commands]
            try:
                yield Services(config, processes[1:])
            finally:
                for process in reversed(processes):
                    process.terminate()
                    process.wait()


@contextmanager
def replay_service(config_path: Path, *overrides: str) -> Iterator[Config]:
    """The same; the configuration alone."""
    with replay_services(config_path, *overrides) as services:
        yield services.config


def make_episode(layout: RecordLayout, seed: int, steps: int = EPISODE_STEPS) -> bytes:
    """T + 1 records of random numbers as a world might give them: floats in [0, 1), ones and zeros else; no end."""
    random = torch.Generator().manual_seed(seed)
    columns = {
        field.name: _random(field, steps + 1, random)
        for field in layout.fields
        if field.name not in ("action", "previous_action", "terminated", "truncated")
    }
    return encode(layout, columns).numpy().tobytes()


def _random(field: FieldSpec, records: int, random: torch.Generator) -> Tensor:
    shape = (records, *field.shape)
    if field.dtype.startswith("float"):
        # Never bytes taken for floats: those are denormal numbers, which arithmetic is many times slower with.
        return torch.rand(shape, generator=random)
    return torch.randint(0, 2, shape, generator=random, dtype=torch.uint8)


@contextmanager
def appending(config: Config, layout: RecordLayout | None = None, shard: int = 0) -> Iterator[AppendClient]:
    """An actor's connection to a shard. layout: of its records, where it is not that of the configuration."""
    stop = threading.Event()
    client = AppendClient(
        config.replay.addresses[shard],
        config.run.name,
        "bench",
        layout or RecordLayout.of(world_spec(config), config.memory),
        config.actor.max_pending_bytes,
        stop,
        config.security.tls,
    )
    with client:
        yield client
        stop.set()


def fill(config: Config, steps: int) -> None:
    """Append episodes until the shard has taken so many steps."""
    layout = RecordLayout.of(world_spec(config), config.memory)
    episodes = [make_episode(layout, seed) for seed in range(16)]
    with appending(config) as client:
        for at in range(steps // EPISODE_STEPS):
            client.append(episodes[at % len(episodes)])
        client.flush()
