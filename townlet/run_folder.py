"""What lies where in a run's folder, and how files get there whole."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

POLICY_FILE = "policy.safetensors"
"""The averaged network alone, all that evaluating and watching an agent needs: here, and in each version."""


@dataclass(frozen=True)
class RunFolder:
    """Everything a run writes."""

    path: Path

    @property
    def config(self) -> Path:
        """The whole configuration as it runs, addresses included."""
        return self.path / "config.yaml"

    @property
    def policy(self) -> Path:
        """The averaged network: all that evaluation needs."""
        return self.path / POLICY_FILE

    @property
    def versions(self) -> Path:
        """The versions of the run, where the configuration does not say otherwise."""
        return self.path / "versions"

    @property
    def result(self) -> Path:
        """How the run ended, for programs."""
        return self.path / "result.json"

    @property
    def logs(self) -> Path:
        """One file a process."""
        return self.path / "logs"

    @property
    def redis(self) -> Path:
        """Data and socket of the embedded Redis."""
        return self.path / "redis"

    @property
    def diary(self) -> Path:
        """In lockstep: what was learned in each round."""
        return self.path / "rounds.jsonl"

    @property
    def tensorboard(self) -> Path:
        """Scalars."""
        return self.path / "tensorboard"


def write_whole(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Write a file so that it is there whole or not at all, whatever dies when.

    mode: who may use it, before the umask.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write plain values, whole or not at all."""
    write_whole(path, (json.dumps(value, indent=2) + "\n").encode())
