"""Brings the run back to its newest version: the learner itself, and shards that hold less than it did."""

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import structlog

from learner.state import take_up
from learner.update import QLearning
from learner.versions import LEARNER
from protos import replay_pb2 as pb
from protos import replay_pb2_grpc
from townlet.checkpoint.foreign import Expected, check_ours
from townlet.checkpoint.manifest import Manifest
from townlet.checkpoint.store import VersionStore
from townlet.config import Config
from townlet.rpc import call, call_until_answered, open_channel

TAKE_UP_TIMEOUT_S = 3600.0

log = structlog.get_logger()


@dataclass(frozen=True)
class Resumed:
    """The version that the run goes on from. books: what the learner's service knew."""

    manifest: Manifest
    books: dict[str, Any]


def resume(
    store: VersionStore, config: Config, layout_digest: str, learning: QLearning, draws: np.random.Generator
) -> Resumed | None:
    """Put the learner where the newest version has it; None when the run is new.

    Raises CheckpointError when that version is damaged, MismatchError when it is another run's: nothing has changed.
    """
    store.sweep()
    newest = store.newest()
    if newest is None:
        return None
    opened = store.open(newest, LEARNER)
    check_ours(opened.manifest, Expected(config.run.name, config.digest(), layout_digest, "async", None))
    books = take_up(opened.state(LEARNER), learning, draws)
    log.info("resumed", version=newest, updates=learning.updates)
    return Resumed(opened.manifest, books)


def bring_shards_along(manifest: Manifest, config: Config, stop: threading.Event) -> None:
    """Have each shard that holds less than the version take it up. One that has gone on stays as it is.

    Waits for the shards. Raises TownletError when one cannot.
    """
    for index, address in enumerate(config.replay.addresses):
        peer, component = f"replay service at {address}", f"replay-{index}"
        with open_channel(address) as channel:
            stub = replay_pb2_grpc.ReplayServiceStub(channel)
            stats = call_until_answered(stub.Stats, pb.StatsRequest(), peer=peer, stop=stop, on_retry=lambda _: None)
            if stats.appended_episodes >= manifest.counters[f"{component}.appended"]:
                continue
            request = pb.TakeUpVersionRequest(run=config.run.name, version=manifest.version)
            call(stub.TakeUpVersion, request, peer=peer, timeout_s=TAKE_UP_TIMEOUT_S)
            log.info("shard_taken_back", shard=component, version=manifest.version)
