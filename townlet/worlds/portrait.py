"""A lane of any environment as people see it: what it observed, what the agent thought and did, what that brought."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Group
from rich.panel import Panel
from rich.text import Text

from townlet.worlds.moment import Moment

VALUES_SHOWN = 16
"""A larger block is told by its shape and the range of its values."""


@dataclass(frozen=True)
class LaneView:
    """One lane for showing it. episode: how many came before. steps: taken in it. blocks: what the agent sees."""

    episode: int
    steps: int
    blocks: dict[str, NDArray[Any]]


def one_line(moment: Moment[LaneView]) -> str:
    """The moment for a log."""
    lane = moment.lane
    seen = " ".join(f"{name} {_block(block)}" for name, block in lane.blocks.items())
    q = " ".join(f"{value:.2f}" if valid else "-" for value, valid in zip(moment.q, moment.action_mask, strict=True))
    line = f"step {lane.steps} action {moment.action} q [{q}] reward {moment.reward:g} · {seen}"
    if moment.last:
        line += f"\n{_end(moment)} after {lane.steps + 1} steps, return {moment.total:g}"
    return line


def portrait(moment: Moment[LaneView], name: str) -> Panel:
    """The moment for a terminal. name: of the world."""
    lane = moment.lane
    lines = [Text(f"{name} {_block(block)}") for name, block in lane.blocks.items()]
    for action, (value, valid) in enumerate(zip(moment.q, moment.action_mask, strict=True)):
        style = "bold reverse" if action == moment.action else "" if valid else "dim"
        lines.append(Text(f"action {action}  Q {value:8.3f}" if valid else f"action {action}  -", style=style))
    outcome = f"reward {moment.reward:g} · return {moment.total:g}" + (f" · {_end(moment)}" if moment.last else "")
    lines += [Text(""), Text(outcome)]
    title = f"{name} · episode {lane.episode + 1} · step {lane.steps}"
    return Panel(Group(*lines), title=title, expand=False)


def _end(moment: Moment[LaneView]) -> str:
    return "terminated" if moment.died else "truncated"


def _block(block: NDArray[Any]) -> str:
    """One-hots by the places of their ones, other values as they are, and of large blocks only the range."""
    if block.dtype == np.uint8 and block.ndim == 1 and block.max(initial=0) <= 1:
        return "at " + ",".join(map(str, np.flatnonzero(block)))
    if block.size > VALUES_SHOWN:
        return f"{block.dtype} {list(block.shape)} from {block.min():g} to {block.max():g}"
    return "[" + " ".join(f"{value:.4g}" for value in block.flatten()) + "]"
