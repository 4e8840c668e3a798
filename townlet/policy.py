"""Policies on the wire and on disk: a network's parameters in the safetensors format."""

from typing import Any

import safetensors
import safetensors.torch
from torch import nn

from townlet.errors import CheckpointError


def encode_weights(network: nn.Module, about: dict[str, str] | None = None) -> bytes:
    """All parameters and buffers of a network. about: words to keep with them."""
    return safetensors.torch.save({name: value.contiguous() for name, value in network.state_dict().items()}, about)


def load_weights(network: nn.Module, weights: bytes, source: str) -> None:
    """Take up weights written by `encode_weights` of a network of the same shape.

    source: where they come from, for messages. Raises CheckpointError, and then the network is as it was.
    """
    try:
        found = safetensors.torch.load(weights)
    except safetensors.SafetensorError as error:
        raise CheckpointError(f"{source}: expected weights in the safetensors format: {error}") from None
    expected = network.state_dict()
    if found.keys() != expected.keys():
        odd = sorted(found.keys() ^ expected.keys())[0]
        state = "is missing" if odd in expected else "is unknown to the configured network"
        raise CheckpointError(f"{source}: parameter {odd} {state}")
    for name, value in expected.items():
        if found[name].shape != value.shape or found[name].dtype != value.dtype:
            raise CheckpointError(
                f"{source}: parameter {name}: expected {_form(value)}, found {_form(found[name])}; the network of the "
                "configuration is another one"
            )
    network.load_state_dict(found)


def _form(value: Any) -> str:
    return f"{str(value.dtype).removeprefix('torch.')} {list(value.shape)}"
