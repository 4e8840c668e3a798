"""All that the learner's future depends on: captured between two updates, and taken up before the first one."""

from typing import Any

import numpy as np
from torch import Tensor

from learner.update import QLearning
from townlet.checkpoint import philox
from townlet.checkpoint.form import Form, check_forms
from townlet.checkpoint.state import State

_FORMS = {"updates": Form("int", least=0), "tensors": Form("dict"), "draws": Form("dict"), "books": Form("dict")}


def capture(learning: QLearning, draws: np.random.Generator, books: dict[str, Any]) -> State:
    """Networks, optimisers, counters and random streams, as copies.

    draws: the learner's random stream. books: what the service knows, as plain values.
    """
    return {
        "updates": learning.updates,
        "tensors": {name: value.clone() for name, value in _tensors(learning).items()},
        "draws": philox.state(draws),
        "books": books,
    }


def take_up(saved: State, learning: QLearning, draws: np.random.Generator) -> dict[str, Any]:
    """Be the learner that was captured; the books. Raises CheckpointError, and then nothing has changed."""
    check_forms("saved learner", saved, _FORMS)
    expected = _tensors(learning)
    check_forms("saved learner", saved["tensors"], {name: Form.of(value) for name, value in expected.items()})
    philox.load_state(draws, saved["draws"])
    for name, value in expected.items():
        value.copy_(saved["tensors"][name])
    learning.updates = saved["updates"]
    books: dict[str, Any] = saved["books"]
    return books


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
