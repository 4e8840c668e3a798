"""What a Hamlet world looks like from outside. Needs no torch."""

from townlet.specs import EnvironmentSpec, FieldSpec
from townlet.worlds.hamlet.rules import HamletSettings


def environment_spec(settings: HamletSettings) -> EnvironmentSpec:
    """The blocks of an observation in their order, and what else the other services must know.

    Binary features are uint8, continuous ones float32. G is the grid's side, A the number of enabled affordances, M of
    meters, W = 2 * vision_radius + 1:

        block        shape            kind, view      what
        cell         [G * G]          any, full       one-hot of the agent's cell, index y * G + x
        affordances  [A, 3]           typed, full     x / (G - 1), y / (G - 1) and whether it is open
        window       [1, W, W]        classic, local  row-major around the agent: 1 where an affordance stands
                     [A + 1, W, W]    typed, local    a plane for each affordance, the last for cells off the grid
        position     [2]              any, local      x / (G - 1), y / (G - 1)
        meters       [M]              any
        underfoot    [A + 1]          any             one-hot of the affordance underfoot, the last for none
        temporal     [3]              any             with temporal mechanics only: sine and cosine of the hour, and
                                                      progress / ticks of the affordance underfoot
    """
    cells, affordances = settings.grid**2, len(settings.affordance_names)
    side = 2 * settings.vision_radius + 1
    typed = settings.observation == "typed"
    blocks: list[FieldSpec] = []
    if settings.view == "full":
        blocks.append(FieldSpec("cell", "uint8", (cells,)))
        if typed:
            blocks.append(FieldSpec("affordances", "float32", (affordances, 3)))
    else:
        blocks.append(FieldSpec("window", "uint8", (affordances + 1 if typed else 1, side, side)))
        blocks.append(FieldSpec("position", "float32", (2,)))
    blocks.append(FieldSpec("meters", "float32", (len(settings.meters),)))
    blocks.append(FieldSpec("underfoot", "uint8", (affordances + 1,)))
    if settings.temporal:
        blocks.append(FieldSpec("temporal", "float32", (3,)))
    return EnvironmentSpec(
        observation=tuple(blocks),
        actions=settings.action_count,
        step_cap=settings.step_cap,
        # This reward pays for reaching the cap, so the value ends there too.
        truncation_bootstraps=settings.reward != "survival_baseline",
    )
