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
from townlet.checkpoint.opened import OpenVersion
from townlet.checkpoint.store import Damaged, VersionStore
from townlet.config import Config
from townlet.errors import CheckpointError, UnavailableError
from townlet.rpc import call, call_until_answered, open_channel

TAKE_UP_TIMEOUT_S = 3600.0

log = structlog.get_logger()


@dataclass(frozen=True)
class Resumed:
    """The version that the run goes on from. books: what the learner's service knew.

    takes_back: whether everyone goes back to it, whatever they have done since. passed_over: newer ones, damaged.
    """

    manifest: Manifest
    books: dict[str, Any]
    takes_back: bool = False
    passed_over: tuple[Damaged, ...] = ()

    @property
    def round(self) -> int:
        """In lockstep: the last one that is in it."""
        return self.manifest.counters["round"]


def resume(
    store: VersionStore,
    config: Config,
    layout_digest: str,
    learning: QLearning,
    draws: np.random.Generator,
    *,
    fallback: bool = False,
) -> Resumed | None:
    """Put the learner where the newest version has it; None when the run is new.

    fallback: pass over those that are damaged. Every byte of the version is verified before, everybody's.
    Raises CheckpointError when that version is damaged, ForeignVersionError when it is not one of this run as it is
    configured: nothing has changed then.
    """
    opened, passed_over = _newest_whole(store) if fallback else (_newest(store), ())
    if opened is None:
        _sweep(store)
        return None
    for change in check_ours(opened.manifest, expected_of(config, layout_digest)):
        log.info("config_changed", key=change.key, was=change.was, now=change.now)
    books = take_up(opened.state(LEARNER), learning, draws)
    _sweep(store)
    log.info("resumed", version=opened.manifest.version, updates=learning.updates)
    takes_back = config.schedule.kind == "lockstep" or opened.manifest.restores is not None
    return Resumed(opened.manifest, books, takes_back=takes_back, passed_over=passed_over)


def expected_of(config: Config, layout_digest: str) -> Expected:
    """What a version must be for this run to go on from it."""
    lockstep = config.schedule.kind == "lockstep"
    members = {LEARNER, *config.shard_names, *(config.actor_names if lockstep else ())}
    return Expected(config, layout_digest, config.schedule.kind, members, closed=lockstep)


def check_shards_are_new(config: Config, stop: threading.Event) -> None:
    """In lockstep a run without a version begins at the beginning, and so must its replay. Waits for the shards.

    Raises CheckpointError when one holds something.
    """
    for index, address in enumerate(config.replay.addresses):
        peer = f"replay service at {address}"
        with open_channel(address, config.security.tls) as channel:
            stub = replay_pb2_grpc.ReplayServiceStub(channel)
            stats = call_until_answered(stub.Stats, pb.StatsRequest(), peer=peer, stop=stop)
        if stats.appended_episodes:
            raise CheckpointError(
                f"replay-{index}: expected no episodes, since there is no version of this run to go on from, found "
                f"{stats.appended_episodes} appended; bring its versions back, or begin another run with --run"
            )


def bring_shards_along(resumed: Resumed, config: Config, stop: threading.Event) -> None:
    """Have the shards take up the version: each that holds less than it, or all when everyone goes back to it.

    Waits for the shards. Raises TownletError when one cannot.
    """
    manifest = resumed.manifest
    for index, address in enumerate(config.replay.addresses):
        peer, component = f"replay service at {address}", f"replay-{index}"
        with open_channel(address, config.security.tls) as channel:
            stub = replay_pb2_grpc.ReplayServiceStub(channel)
            stats = call_until_answered(stub.Stats, pb.StatsRequest(), peer=peer, stop=stop, on_retry=lambda _: None)
            for damaged in resumed.passed_over:  # its segments may be what is damaged: later versions share none
                given_up = pb.EndVersionRequest(run=config.run.name, version=damaged.version, committed=False)
                call(stub.EndVersion, given_up, peer=peer)
            if not resumed.takes_back and _has_gone_on(stats, manifest.counters[f"{component}.appended"]):
                continue
            request = pb.TakeUpVersionRequest(run=config.run.name, version=manifest.version)
            call(stub.TakeUpVersion, request, peer=peer, timeout_s=TAKE_UP_TIMEOUT_S)
            log.info("shard_taken_back", shard=component, version=manifest.version)


def _newest(store: VersionStore) -> OpenVersion | None:
    newest = store.newest()
    try:
        return None if newest is None else store.open(newest)
    except CheckpointError as error:
        raise CheckpointError(
            f"{error}; put the file back as it was, or start with --fallback, which goes on from the newest version "
            "that is whole"
        ) from None


def _newest_whole(store: VersionStore) -> tuple[OpenVersion | None, tuple[Damaged, ...]]:
    good = store.newest_good()
    if good.opened is None and good.skipped:
        reason = good.skipped[0].reason
        raise CheckpointError(
            f"{store.root}: expected a version that is whole, found {len(good.skipped)} damaged ones (the newest: "
            f"{reason}); put the file back as it was, or begin another run"
        )
    for damaged in good.skipped:
        log.warning("version_passed_over", version=damaged.version, reason=damaged.reason)
    return good.opened, good.skipped


def _has_gone_on(stats: pb.StatsResponse, appended: int) -> bool:
    """Whether a shard has all that the version has, and perhaps more. One that never got to serve has nothing."""
    return stats.HasField("layout") and stats.appended_episodes >= appended


def _sweep(store: VersionStore) -> None:
    """Take away what a crash left; what stays for now goes another time."""
    try:
        store.sweep()
    except UnavailableError as error:
        log.warning("not_swept", reason=str(error))
