"""Episodes in files that never change: each version refers to the segments that hold its episodes, and shares them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from townlet.checkpoint.form import Form, check_forms
from townlet.errors import CheckpointError

_FORMS = {
    "orders": Form("int64", (None,), least=0),
    "sizes": Form("int64", (None,), least=1),
    "records": Form("uint8", (None,)),
}


@dataclass(frozen=True)
class StoredEpisode:
    """An episode as the log holds it: its durable order number, its ID "actor/epoch/sequence", its records."""

    order: int
    name: str
    records: bytes | memoryview


def encode_segment(episodes: Sequence[StoredEpisode]) -> bytes:
    """The file of E episodes. orders, sizes (bytes): int64 [E]. records: uint8 [B], all of them."""
    arrays: dict[str, NDArray[Any]] = {
        "orders": np.array([episode.order for episode in episodes], np.int64),
        "sizes": np.array([len(episode.records) for episode in episodes], np.int64),
        "records": np.frombuffer(b"".join(episode.records for episode in episodes), np.uint8),
    }
    return safetensors.numpy.save(arrays, {"names": json.dumps([episode.name for episode in episodes])})


def decode_segment(content: bytes, source: str) -> list[StoredEpisode]:
    """The inverse; records are views of the content. source: for messages. Raises CheckpointError."""
    try:
        arrays = safetensors.numpy.load(content)
        names = json.loads(_metadata(content)["names"])
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{source}: expected a segment of episodes, found {error!r}") from None
    check_forms(source, arrays, _FORMS)
    orders, sizes, records = arrays["orders"], arrays["sizes"], arrays["records"].data
    ends = np.cumsum(sizes)
    if not len(orders) == len(sizes) == len(names) or int(ends[-1] if len(ends) else 0) != len(records):
        raise CheckpointError(f"{source}: expected an order number, a size and a name for each episode, found others")
    parts = zip(orders.tolist(), names, (ends - sizes).tolist(), ends.tolist(), strict=True)
    return [StoredEpisode(order, name, records[begin:end]) for order, name, begin, end in parts]


def _metadata(content: bytes) -> dict[str, str]:
    length = int.from_bytes(content[:8], "little")
    found: dict[str, str] = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    return found
