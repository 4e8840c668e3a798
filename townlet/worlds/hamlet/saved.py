"""The saved form of a world: named tensors, checked in full before anything is taken up."""

from dataclasses import dataclass

import torch
from torch import Tensor

from townlet.checkpoint.form import Form, check_forms
from townlet.errors import CheckpointError
from townlet.worlds.hamlet.dynamics import Rules
from townlet.worlds.hamlet.state import State
from townlet.worlds.random_stream import lane_streams


@dataclass(frozen=True)
class Saved:
    """Everything that the lanes' future depends on. seed: int64 []."""

    state: State
    seed: Tensor
    run_episodes: int


def to_tensors(saved: Saved) -> dict[str, Tensor]:
    """Copies by name; all but `seed` and `run_episodes` are [L, ...]."""
    state = saved.state
    return {
        "seed": saved.seed.clone(),
        "run_episodes": torch.tensor(saved.run_episodes, device=saved.seed.device),
        "lane": state.lane.clone(),
        "episode": state.episode.clone(),
        "cell": state.cell.clone(),
        "meters": state.meters.t().clone(memory_format=torch.contiguous_format),
        "steps": state.steps.clone(),
        "progress": state.progress.clone(),
        "multiplier": state.multiplier.clone(),
        "difficulty": state.difficulty.clone(),
        "place": state.place.clone(),
    }


def from_tensors(tensors: dict[str, Tensor], rules: Rules, lanes: int, device: torch.device) -> Saved:
    """The inverse. Raises CheckpointError when something is missing, unknown, of another form, or impossible."""
    check_forms("saved world", tensors, _forms(rules, lanes))
    own = {name: tensor.to(device, copy=True).contiguous() for name, tensor in tensors.items()}
    state = State(
        lane=own["lane"],
        stream=lane_streams(own["seed"], own["lane"]),
        episode=own["episode"],
        cell=own["cell"],
        meters=own["meters"].t().clone(memory_format=torch.contiguous_format),
        steps=own["steps"],
        progress=own["progress"],
        multiplier=own["multiplier"],
        difficulty=own["difficulty"],
        place=own["place"],
        ground=rules.layout.ground(own["place"]),
    )
    _check_whole(state, rules)
    return Saved(state, own["seed"], int(own["run_episodes"]))


def _forms(rules: Rules, lanes: int) -> dict[str, Form]:
    cells, affordances = rules.layout.cells, len(rules.layout.place)
    meters, numbers, last = len(rules.meters.decay), "int64", 2**63 - 1
    difficulties = 1 if rules.difficulties is None else len(rules.difficulties.step_cap)
    return {
        "seed": Form(numbers, (), 0, last),
        "run_episodes": Form(numbers, (), 0, last),
        "lane": Form(numbers, (lanes,), 0, last),
        "episode": Form(numbers, (lanes,), 0, last),
        "cell": Form(numbers, (lanes,), 0, cells - 1),
        "meters": Form("float32", (lanes, meters), 0.0, 1.0),
        "steps": Form(numbers, (lanes,), 0, rules.step_cap - 1),
        "progress": Form(numbers, (lanes,), 0, rules.affordances.most_ticks - 1),
        "multiplier": Form("float32", (lanes,), 0.0, torch.finfo(torch.float32).max),
        "difficulty": Form(numbers, (lanes,), 0, difficulties - 1),
        "place": Form(numbers, (lanes, affordances), 0, cells - 1),
    }


def _check_whole(state: State, rules: Rules) -> None:
    """What the lanes' parts are to one another must be possible in this level."""
    ordered = state.place.sort(dim=1).values
    if (ordered[:, 1:] == ordered[:, :-1]).any():
        raise CheckpointError("saved world: place: expected one affordance a cell, found two on one")
    if rules.layout.random_after is None and (state.place != rules.layout.place).any():
        raise CheckpointError("saved world: place: expected the level's fixed layout, found another")
    if (state.steps >= rules.terms(state.difficulty).step_cap).any():
        raise CheckpointError("saved world: steps: expected fewer than the cap of the lane, found as many")
    ticks = rules.affordances.ticks[rules.layout.underfoot(state.ground, state.cell)]
    if (state.progress >= ticks).any():
        raise CheckpointError("saved world: progress: expected fewer ticks than one use takes, found as many")
    if rules.meters.dead(state.meters).any():
        raise CheckpointError("saved world: meters: expected living lanes, found a lethal meter at 0")
