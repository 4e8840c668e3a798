"""Where the ranks of a learner meet, and what they speak through afterwards."""

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import structlog
import torch
import torch.distributed as dist
from torch.distributed.distributed_c10d import PrefixStore, ProcessGroup, Store
from torch.distributed.rendezvous import rendezvous

from learner.rank_processes import Place
from townlet.errors import ConfigError, MismatchError, RankError, UnavailableError

MEET_LIMIT_S = 300.0
"""A rank that is not there after so long does not come."""

ANSWER_LIMIT_S = 60.0
"""A rank that is silent for so long is gone. One that dies is known to be at once, as its connections close."""

POLL_S = 0.05

LIFE_VARIABLE = "TOWNLET_RANKS_LIFE"
"""Counts how often these processes have started over together: they never meet twice in the same place."""

log = structlog.get_logger()


@dataclass
class Groups:
    """All ranks, twice: so that what goes through one is in one order, whatever goes through the other.

    Nobody else keeps one of the two: when `meet` ends they go, and with them their threads. One that lived on might let
    go of a tensor while the interpreter ends, and abort the process.

    hand_outs: from processor to processor. reductions: from device to device.
    """

    hand_outs: ProcessGroup
    reductions: ProcessGroup


@contextmanager
def meet(
    place: Place, device: torch.device, config_digest: str, check: Callable[[], None], stop: threading.Event
) -> Iterator[Groups]:
    """Wait until all ranks are there; they part when the block ends.

    check: raises when one is known not to come. Raises RankError when one does not, MismatchError when one has another
    configuration, UnavailableError when the process is to stop meanwhile.
    """
    limit = timedelta(seconds=ANSWER_LIMIT_S)
    keys = [_key(rank) for rank in range(place.ranks)]
    with together():
        store = _store(place)
        store.set(_key(place.rank), config_digest)
        _wait_for(keys, store, check, stop)
        for rank, key in enumerate(keys):
            if (found := store.get(key).decode()) != config_digest:
                raise MismatchError(
                    f"rank {rank} of the learner: expected the configuration with digest {config_digest}, found {found}"
                )
        backend = "nccl" if device.type == "cuda" else "gloo"
        groups_store = PrefixStore("groups", store)
        dist.init_process_group(backend, store=groups_store, rank=place.rank, world_size=place.ranks, timeout=limit)
        hand_outs = dist.new_group(backend="gloo", timeout=limit)
    log.info("ranks_met", rank=place.rank, ranks=place.ranks, backend=backend)
    try:
        assert isinstance(hand_outs, ProcessGroup)  # every rank is in both
        assert dist.group.WORLD is not None
        groups = Groups(hand_outs, dist.group.WORLD)
        del hand_outs
        yield groups
    finally:
        dist.destroy_process_group()
        del groups.hand_outs, groups.reductions


@contextmanager
def together() -> Iterator[None]:
    """What all ranks do at once. Raises RankError when another one is gone, or does not answer."""
    try:
        yield
    except RuntimeError as error:  # whatever is wrong, torch raises just this
        first_line = str(error).partition("\n")[0]
        reason = re.sub(r"^\[\S*\] ", "", first_line).partition(". ")[0]  # without the line of torch's that says so
        raise RankError(f"another rank of the learner is gone, or does not answer: {reason}") from None


def device_of(place: Place, configured: str) -> torch.device:
    """The device of a rank: among several, each has a GPU of its own. Raises ConfigError."""
    device = torch.device(configured)
    if place.ranks == 1 or device.type != "cuda":
        return device
    if device.index is not None:
        raise ConfigError(f"learner.device: expected cuda, of which each rank takes one, found {configured}")
    if place.local >= (count := torch.cuda.device_count()):
        raise ConfigError(f"learner.ranks: expected at most one for each of the {count} GPUs, found {place.local + 1}")
    torch.cuda.set_device(place.local)
    return torch.device("cuda", place.local)


def _store(place: Place) -> Store:
    """What all ranks can write to and read from, empty at first."""
    if place.store is not None:
        file: Store = dist.FileStore(str(place.store), place.ranks)  # type: ignore[attr-defined]  # not in its __all__
        return file
    life = os.environ.get(LIFE_VARIABLE, "0")
    os.environ[LIFE_VARIABLE] = str(int(life) + 1)
    store, _, _ = next(rendezvous("env://", timeout=timedelta(seconds=MEET_LIMIT_S)))
    return PrefixStore(f"life-{life}", store)


def _key(rank: int) -> str:
    return f"rank-{rank}"


def _wait_for(keys: list[str], store: Store, check: Callable[[], None], stop: threading.Event) -> None:
    until_s = time.monotonic() + MEET_LIMIT_S
    while not store.check(keys):
        check()
        if stop.wait(POLL_S):
            raise UnavailableError("told to stop while waiting for the other ranks")
        if time.monotonic() > until_s:
            missing = [key for key in keys if not store.check([key])]
            raise RankError(f"expected {len(keys)} ranks of the learner, found {', '.join(missing)} missing")
