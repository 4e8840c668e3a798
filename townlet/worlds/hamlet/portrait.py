"""A Hamlet lane as people see it: the town, the meters, what the agent thinks and does."""

from rich.columns import Columns
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from townlet.worlds.hamlet.lane import Lane
from townlet.worlds.hamlet.rules import INTERACT, MOVES, WAIT, HamletSettings
from townlet.worlds.moment import Moment

ACTIONS = {**dict(enumerate(MOVES)), INTERACT: "interact", WAIT: "wait"}
ARROWS = {"up": "↑", "down": "↓", "left": "←", "right": "→", "interact": "●", "wait": "·"}
METER_WIDTH = 20
LOW, MIDDLE = 0.2, 0.5
"""Meters below these are shown in red and in yellow."""


def one_line(moment: Moment[Lane]) -> str:
    """The moment for a log."""
    lane = moment.lane
    meters = " ".join(f"{name} {value:.2f}" for name, value in lane.meters.items())
    x, y = lane.position
    line = (
        f"step {lane.steps} hour {lane.hour:02} at {x},{y} ({lane.underfoot or 'street'}) "
        f"{ACTIONS[moment.action]} q {moment.q[moment.action]:.2f} reward {moment.reward:g} · {meters}"
    )
    if moment.last:
        end = "died" if moment.died else "lived to the cap"
        line += f"\n{end} after {lane.steps + 1} steps, return {moment.total:g}"
    return line


def portrait(moment: Moment[Lane], settings: HamletSettings) -> Panel:
    """The moment for a terminal."""
    lane = moment.lane
    subtitle = f"reward {moment.reward:g} · return {moment.total:g}"
    if moment.last:
        subtitle += " · died" if moment.died else " · lived to the cap"
    beside = Group(_meters(lane), Text(""), _thoughts(moment))
    return Panel(
        Columns([Group(_town(lane, settings.grid), Text(""), _legend(lane)), beside], padding=(0, 4)),
        title=f"episode {lane.episode + 1} · step {lane.steps} of {settings.step_cap} · {lane.hour:02}:00",
        subtitle=subtitle,
        expand=False,
    )


def _town(lane: Lane, side: int) -> Text:
    """Each cell is two letters of what stands there; the agent's cell is inverted."""
    by_cell = {place: name for name, place in lane.layout.items()}
    town = Text()
    for y in range(side):
        for x in range(side):
            name = by_cell.get((x, y))
            here = (x, y) == lane.position
            letters = _letters(name) if name else ("  " if here else " ·")
            town.append(letters, style="reverse bold" if here else ("cyan" if name else "dim"))
            town.append(" ")
        town.append("\n" if y < side - 1 else "")
    return town


def _legend(lane: Lane) -> Text:
    return Text("\n".join(f"{_letters(name)} {name}" for name in lane.layout), style="dim")


def _letters(name: str) -> str:
    """Two letters that tell the affordances apart: the capitals of a compound, else the first two letters."""
    capitals = [letter for letter in name if letter.isupper()]
    return "".join(capitals[:2]) if len(capitals) > 1 else name[:2]


def _meters(lane: Lane) -> Table:
    table = Table.grid(padding=(0, 1))
    for name, value in lane.meters.items():
        color = "red" if value < LOW else "yellow" if value < MIDDLE else "green"
        full = round(value * METER_WIDTH)
        bar = Text("█" * full, style=color) + Text("░" * (METER_WIDTH - full), style="dim")
        table.add_row(name, bar, f"{value:.2f}")
    place = lane.underfoot or "the street"
    table.add_row("on", place + (f", {lane.progress} ticks done" if lane.progress else ""), "")
    return table


def _thoughts(moment: Moment[Lane]) -> Table:
    """What each action is worth; what cannot be done is dim, what was done is bold."""
    table = Table.grid(padding=(0, 1))
    for action, (value, valid) in enumerate(zip(moment.q, moment.action_mask, strict=True)):
        name = ACTIONS[action]
        done = action == moment.action
        style = "bold reverse" if done else ("" if valid else "dim")
        table.add_row(
            Text(f"{ARROWS[name]} {name}", style=style), Text(f"Q {value:8.3f}" if valid else "-", style=style)
        )
    return table
