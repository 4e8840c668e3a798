"""Whole runs, as a user starts them, for claims about what is learned."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from townlet.run_folder import RunFolder

TOWNLET = str(Path(sys.executable).parent / "townlet")


def train(config: Path, path: Path, *overrides: str) -> RunFolder:
    """The run in the folder `path`, once it has ended; one that has ended before is taken as it is."""
    folder = RunFolder(path)
    if not folder.result.exists():
        settings = (f"run.root={path.parent}", f"run.name={path.name}", *overrides)
        options = [word for setting in settings for word in ("--set", setting)]
        subprocess.run([TOWNLET, "up", str(config), *options], check=True, stdout=sys.stderr)
    return folder


def result(folder: RunFolder) -> dict[str, Any]:
    """What an ended run has left behind: `evaluations`, `environment_steps` and more."""
    found: dict[str, Any] = json.loads(folder.result.read_text())
    return found


def events(folder: RunFolder, member: str, event: str) -> Iterator[dict[str, Any]]:
    """What a member's log says of all that happened under this name, oldest first."""
    for line in (folder.logs / f"{member}.log").read_text().splitlines():
        found: dict[str, Any] = json.loads(line) if line.startswith("{") else {}
        if found.get("event") == event:
            yield found


def happened_at(event: Mapping[str, Any]) -> float:
    """When, as `time.time()`."""
    return datetime.fromisoformat(event["timestamp"]).timestamp()


def evaluated(folder: RunFolder, *beside: RunFolder, episodes: int) -> dict[str, Any]:
    """What `townlet evaluate --json` says of the run, and of others beside it."""
    others = [word for other in beside for word in ("--beside", str(other.path))]
    command = [TOWNLET, "evaluate", str(folder.path), *others, "--episodes", str(episodes), "--json"]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found
