"""Policies on the wire and on disk: a network's parameters in the safetensors format."""

from torch import Tensor, nn

from townlet.checkpoint.form import Form, check_forms
from townlet.errors import CheckpointError
from townlet.tensor_bytes import decode_tensors, encode_tensors


def encode_weights(network: nn.Module, about: dict[str, str] | None = None) -> bytes:
    """All parameters and buffers of a network. about: words to keep with them."""
    return encode_tensors(network.state_dict(), about)


def load_weights(network: nn.Module, weights: bytes | memoryview, source: str) -> None:
    """Take up weights written by `encode_weights` of a network of the same shape.

    source: where they come from, for messages. Raises CheckpointError, and then the network is as it was.
    """
    take_up_parameters(source, network, decode_tensors(weights, source))


def take_up_parameters(source: str, network: nn.Module, found: dict[str, Tensor]) -> None:
    """Take up parameters and buffers of a network of the same shape.

    source: where they come from, for messages. Raises CheckpointError, and then the network is as it was.
    """
    try:
        check_forms(source, found, {name: Form.of(value) for name, value in network.state_dict().items()})
    except CheckpointError as error:
        raise CheckpointError(f"{error}; the network of the configuration is another one") from None
    network.load_state_dict(found)
