"""All that the learner's future depends on: captured between two updates, and taken up before the first one."""

from hashlib import sha256
from typing import Any

import numpy as np
from torch import Tensor

from learner.update import QLearning
from townlet.checkpoint import philox
from townlet.checkpoint.form import Form, check_forms
from townlet.checkpoint.state import State
from townlet.tensor_bytes import encode_tensors

AVERAGED = "averaged."
"""What the names of the averaged network's tensors begin with."""

_FORMS = {"updates": Form("int", least=0), "tensors": Form("dict"), "draws": Form("dict"), "books": Form("dict")}


def capture(learning: QLearning, draws: np.random.Generator, books: dict[str, Any]) -> State:
    """Networks, optimisers, counters and random streams, as copies.

    draws: the learner's random stream. books: what the service knows, as plain values.
    """
    return {
        "updates": learning.updates,
        "tensors": {name: value.clone() for name, value in tensors_of(learning).items()},
        "draws": philox.state(draws),
        "books": books,
    }


def take_up(saved: State, learning: QLearning, draws: np.random.Generator) -> dict[str, Any]:
    """Be the learner that was captured; the books. Raises CheckpointError, and then nothing has changed."""
    check_forms("saved learner", saved, _FORMS)
    expected = tensors_of(learning)
    check_forms("saved learner", saved["tensors"], {name: Form.of(value) for name, value in expected.items()})
    philox.load_state(draws, saved["draws"])
    for name, value in expected.items():
        value.copy_(saved["tensors"][name])
    learning.updates = saved["updates"]
    books: dict[str, Any] = saved["books"]
    return books


def policy_of(captured: State) -> bytes:
    """The averaged network of a captured learner, alone."""
    averaged = {name: value for name, value in captured["tensors"].items() if name.startswith(AVERAGED)}
    return encode_tensors({name.removeprefix(AVERAGED): value for name, value in averaged.items()})


def digest_of(learning: QLearning) -> bytes:
    """The SHA-256 of every tensor that the future depends on."""
    digest = sha256()
    for value in tensors_of(learning).values():
        digest.update(value.cpu().numpy().tobytes())
    return digest.digest()


def tensors_of(learning: QLearning) -> dict[str, Tensor]:
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
