"""The learner's own state: captured whole, saved whole, taken up whole."""

import json
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from safetensors import safe_open
from torch import Tensor

from learner.update import QLearning
from townlet.errors import CheckpointError, MismatchError
from townlet.run_folder import write_whole

FORMAT = 1


def save_state(path: Path, learning: QLearning, books: dict[str, Any]) -> None:
    """Write networks, optimiser and counters, with `books` (plain values) beside them. Raises OSError."""
    about = {"format": FORMAT, "updates": learning.updates, **books}
    write_whole(path, safetensors.torch.save(_tensors(learning), {"about": json.dumps(about)}))


def load_state(path: Path, learning: QLearning, *, config_digest: str) -> dict[str, Any]:
    """Take up what `save_state` wrote, into a learner of the same configuration; the books.

    Raises CheckpointError or MismatchError, and then the learner is as it was.
    """
    try:
        with safe_open(path, "pt") as file:
            about = json.loads((file.metadata() or {})["about"])
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no mapping
    except (OSError, KeyError, ValueError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"{path}: expected a learner's state, found a damaged file: {error}") from None
    if about["format"] != FORMAT:
        raise CheckpointError(f"{path}: expected format {FORMAT}, found {about['format']}")
    if about["config_digest"] != config_digest:
        raise MismatchError(
            f"{path}: expected the state of configuration {config_digest}, found that of {about['config_digest']}; "
            "choose another run.name, or the configuration that the run was started with"
        )
    expected = _tensors(learning)
    for name in expected.keys() | found.keys():
        if name not in found or name not in expected or found[name].shape != expected[name].shape:
            raise CheckpointError(f"{path}: tensor {name} is missing, unknown or of another shape")
    for name, value in expected.items():
        value.copy_(found[name])
    learning.updates = about["updates"]
    return dict(about)


def _tensors(learning: QLearning) -> dict[str, Tensor]:
    """Every tensor that the future depends on, by reference."""
    networks = {
        "online": learning.online_network,
        "target": learning.target_network,
        "averaged": learning.averaged_network,
    }
    tensors = {
        f"{role}.{name}": value for role, network in networks.items() for name, value in network.state_dict().items()
    }
    tensors |= {f"optimiser.{name}": value for name, value in learning.optimiser_tensors().items()}
    if learning.curiosity is not None:
        tensors |= {f"curiosity.{name}": value for name, value in learning.curiosity.tensors().items()}
    return tensors
