"""What must be the same in every repetition of a run in lockstep, as one SHA-256 for each component of a version."""

import hashlib
import json

import numpy as np

from replay_service.segments import decode_segment
from townlet.checkpoint.opened import OpenVersion
from townlet.checkpoint.state import State, encode_state
from townlet.checkpoint.store import VersionStore


def version_digests(store: VersionStore, version: int) -> dict[str, str]:
    """By component, and "counters". Left out is who did it and when: incarnations, epochs, times of day."""
    opened = store.open(version)
    counters = json.dumps(opened.manifest.counters, sort_keys=True)
    digests = {"counters": hashlib.sha256(counters.encode()).hexdigest()}
    for component in opened.manifest.members:
        state = opened.state(component)
        digest = hashlib.sha256()
        if component == "learner":
            state = learner_without_names(state)
        elif component.startswith("replay-"):
            for records in episodes(opened, component, state):
                digest.update(records)
            state = {name: value for name, value in state.items() if name not in ("producers", "segment")}
        for part in encode_state(state):
            digest.update(part)
        digests[component] = digest.hexdigest()
    return digests


def learner_without_names(state: State) -> State:
    """Sums over all incarnations stand in the counters."""
    books = state["books"]
    head = {name: books["head"][name] for name in ("survival", "returns", "advances", "retreats")}
    return {**state, "books": {**books, "head": head}}


def episodes(opened: OpenVersion, component: str, state: State):
    """The records of the episodes held, oldest first."""
    files = opened.segments(component)
    held = {}
    for file in files:
        held |= {episode.order: episode.records for episode in decode_segment(opened.read(file), file.path)}
    orders = np.asarray(state["table"]["orders"]).tolist()
    assert len(orders) == len(state["segment"])
    for order in orders:
        yield held[order]
