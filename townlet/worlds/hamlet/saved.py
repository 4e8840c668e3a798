"""The saved form of a world: named tensors, checked in full before anything is taken up."""

from dataclasses import dataclass

import torch
from torch import Tensor

from townlet.errors import CheckpointError
from townlet.worlds.hamlet.dynamics import Rules
from townlet.worlds.hamlet.state import State


@dataclass(frozen=True)
class Saved:
    """Everything that the lanes' future depends on. seed: int64 []."""

    state: State
    seed: Tensor
    run_episodes: int


@dataclass(frozen=True)
class _Form:
    """What a tensor must be. least, most: bounds of its values, both allowed."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    least: int | float
    most: int | float


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
    _check_forms(tensors, _forms(rules, lanes))
    own = {name: tensor.to(device, copy=True) for name, tensor in tensors.items()}
    state = State(
        lane=own["lane"],
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


def _forms(rules: Rules, lanes: int) -> dict[str, _Form]:
    cells, affordances = rules.layout.cells, len(rules.layout.place)
    meters, numbers, last = len(rules.meters.decay), torch.int64, 2**63 - 1
    difficulties = 1 if rules.difficulties is None else len(rules.difficulties.step_cap)
    return {
        "seed": _Form(numbers, (), 0, last),
        "run_episodes": _Form(numbers, (), 0, last),
        "lane": _Form(numbers, (lanes,), 0, last),
        "episode": _Form(numbers, (lanes,), 0, last),
        "cell": _Form(numbers, (lanes,), 0, cells - 1),
        "meters": _Form(torch.float32, (lanes, meters), 0.0, 1.0),
        "steps": _Form(numbers, (lanes,), 0, rules.step_cap - 1),
        "progress": _Form(numbers, (lanes,), 0, rules.affordances.most_ticks - 1),
        "multiplier": _Form(torch.float32, (lanes,), 0.0, torch.finfo(torch.float32).max),
        "difficulty": _Form(numbers, (lanes,), 0, difficulties - 1),
        "place": _Form(numbers, (lanes, affordances), 0, cells - 1),
    }


def _check_forms(tensors: dict[str, Tensor], forms: dict[str, _Form]) -> None:
    for name in tensors:
        if name not in forms:
            raise CheckpointError(f"saved world: tensor {name} is unknown; expected {', '.join(forms)}")
    for name, form in forms.items():
        if name not in tensors:
            raise CheckpointError(f"saved world: tensor {name} is missing")
        tensor = tensors[name]
        if tensor.dtype != form.dtype or tensor.shape != form.shape:
            expected, found = _described(form.dtype, form.shape), _described(tensor.dtype, tensor.shape)
            raise CheckpointError(f"saved world: tensor {name}: expected {expected}, found {found}")
        possible = (tensor >= form.least) & (tensor <= form.most)
        if not possible.all():
            value = tensor[~possible].flatten()[0].item()
            expected = f"values from {form.least} to {form.most}"
            raise CheckpointError(f"saved world: tensor {name}: expected {expected}, found {value}")


def _check_whole(state: State, rules: Rules) -> None:
    """What the lanes' parts are to one another must be possible in this level."""
    ordered = state.place.sort(dim=1).values
    if (ordered[:, 1:] == ordered[:, :-1]).any():
        raise CheckpointError("saved world: tensor place: expected one affordance a cell, found two on one")
    if rules.layout.random_after is None and (state.place != rules.layout.place).any():
        raise CheckpointError("saved world: tensor place: expected the level's fixed layout, found another")
    if (state.steps >= rules.terms(state.difficulty).step_cap).any():
        raise CheckpointError("saved world: tensor steps: expected fewer than the cap of the lane, found as many")
    ticks = rules.affordances.ticks[rules.layout.underfoot(state.ground, state.cell)]
    if (state.progress >= ticks).any():
        raise CheckpointError("saved world: tensor progress: expected fewer ticks than one use takes, found as many")
    if rules.meters.dead(state.meters).any():
        raise CheckpointError("saved world: tensor meters: expected living lanes, found a lethal meter at 0")


def _described(dtype: torch.dtype, shape: tuple[int, ...]) -> str:
    return f"{str(dtype).removeprefix('torch.')} {list(shape)}"
