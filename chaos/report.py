"""How a campaign went, for people and for programs."""

import json
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from chaos.kill import Kill
from chaos.round import Played


def show(rounds: list[Played], kills_per_round: int) -> None:
    """Print the tables, and for each violation what reproduces it."""
    console = Console()
    console.print(_table("who was killed", "target", _grouped(rounds, lambda kill: kill.target)))
    console.print(_table("where", "moment", _grouped(rounds, lambda kill: kill.moment)))
    total = _totals(rounds)
    console.print(
        f"{total['kills']} kills of {total['processes']} processes in {len(rounds)} rounds and "
        f"{total['seconds']:.0f} s; {total['acknowledged']} episodes acknowledged to the recording clients; "
        f"versions verified {total['verified']} times; {total['violations']} violations",
        highlight=False,
        soft_wrap=True,
    )
    if total["not_reached"]:
        console.print(f"nobody passed: {', '.join(total['not_reached'])}", highlight=False, soft_wrap=True)
    for played in rounds:
        for violation in played.violations:
            again = f"python -m chaos --seed {violation.seed} --rounds 1 --kills {kills_per_round}"
            text = f"VIOLATION {violation.kind}: {violation.what}\n    seed {violation.seed}; again: {again}"
            console.print(text, highlight=False, soft_wrap=True, markup=False)


def write(rounds: list[Played], path: Path) -> None:
    """The same as JSON, and each kill."""
    values = {"total": _totals(rounds), "rounds": [asdict(played) for played in rounds]}
    path.write_text(json.dumps(values, indent=1) + "\n")


def _totals(rounds: list[Played]) -> dict[str, Any]:
    kills = [kill for played in rounds for kill in played.kills]
    reached = {kill.moment for kill in kills}
    return {
        "kills": len(kills),
        "processes": sum(kill.processes for kill in kills),
        "acknowledged": sum(played.acknowledged for played in rounds),
        "verified": sum(played.verified for played in rounds),
        "violations": sum(len(played.violations) for played in rounds),
        "not_reached": sorted({name for played in rounds for name in played.not_reached} - reached),
        "seconds": sum(played.seconds for played in rounds),
    }


def _grouped(rounds: list[Played], key: Any) -> dict[str, list[Kill]]:
    groups: dict[str, list[Kill]] = {}
    for played in rounds:
        for kill in played.kills:
            groups.setdefault(key(kill), []).append(kill)
    return dict(sorted(groups.items()))


def _table(title: str, what: str, groups: dict[str, list[Kill]]) -> Table:
    table = Table(what, "kills", "recovered", "median s", "longest s", title=title)
    for name, kills in groups.items():
        times = [kill.recovered_s for kill in kills if kill.recovered_s is not None]
        figures = (f"{median(times):.1f}", f"{max(times):.1f}") if times else ("-", "-")
        table.add_row(name, str(len(kills)), str(len(times)), *figures)
    return table
