"""Policies on the wire and on disk: a network's parameters in the safetensors format."""

from collections.abc import Mapping

import safetensors
import safetensors.torch
from torch import Tensor, nn

from townlet.checkpoint.form import Form, check_forms
from townlet.errors import CheckpointError


def encode_weights(network: nn.Module, about: dict[str, str] | None = None) -> bytes:
    """All parameters and buffers of a network. about: words to keep with them."""
    return encode_parameters(network.state_dict(), about)


def encode_parameters(parameters: Mapping[str, Tensor], about: dict[str, str] | None = None) -> bytes:
    """The same of parameters and buffers by their names."""
    return safetensors.torch.save({name: value.contiguous() for name, value in parameters.items()}, about)


def load_weights(network: nn.Module, weights: bytes, source: str) -> None:
    """Take up weights written by `encode_weights` of a network of the same shape.

    source: where they come from, for messages. Raises CheckpointError, and then the network is as it was.
    """
    try:
        found = safetensors.torch.load(weights)
    except safetensors.SafetensorError as error:
        raise CheckpointError(f"{source}: expected weights in the safetensors format: {error}") from None
    take_up_parameters(source, network, found)


def take_up_parameters(source: str, network: nn.Module, found: dict[str, Tensor]) -> None:
    """Take up parameters and buffers of a network of the same shape.

    source: where they come from, for messages. Raises CheckpointError, and then the network is as it was.
    """
    try:
        check_forms(source, found, {name: Form.of(value) for name, value in network.state_dict().items()})
    except CheckpointError as error:
        raise CheckpointError(f"{error}; the network of the configuration is another one") from None
    network.load_state_dict(found)
