"""What the shell may complete, found without asking anybody."""

from collections.abc import Iterable
from pathlib import Path

import typer

from townlet.admin.keys import SETTABLE

RUNS = Path("runs")


def runs(incomplete: str) -> list[str]:
    """Names of the runs here."""
    return _fitting(["latest", *sorted(path.parent.name for path in RUNS.glob("*/config.yaml"))], incomplete)


def versions(context: typer.Context, incomplete: str) -> list[str]:
    """Versions of the run that is meant, newest first, where they are in its folder."""
    folders = (_folder(context) / "versions").glob("[0-9]*/manifest.json")
    return _fitting(sorted((str(int(path.parent.name)) for path in folders), key=int, reverse=True), incomplete)


def actors(context: typer.Context, incomplete: str) -> list[str]:
    """Actors of the run that is meant, by their logs."""
    return _fitting(sorted(path.stem for path in (_folder(context) / "logs").glob("actor-*.log")), incomplete)


def keys(incomplete: str) -> list[str]:
    """What can be set."""
    return _fitting(SETTABLE, incomplete)


def _fitting(words: Iterable[str], incomplete: str) -> list[str]:
    return [word for word in words if word.startswith(incomplete)]


def _folder(context: typer.Context) -> Path:
    name = context.params.get("run") or "latest"
    if name != "latest":
        return RUNS / name if (RUNS / name).exists() else Path(name)
    newest = sorted(RUNS.glob("*/config.yaml"), key=lambda path: path.stat().st_mtime)[-1:]
    return newest[0].parent if newest else RUNS
