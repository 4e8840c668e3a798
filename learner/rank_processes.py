"""Which rank of the learner this process is, and the processes of the others where it is the one to start them.

With `learner.ranks` above one, `python -m learner` is the first rank, and starts the others on its machine: they live
and die with it, so that the learner is one process to whoever looks after it. Across machines `torchrun` starts all.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from townlet.config import Config
from townlet.errors import ConfigError, RankError
from townlet.launch.parent import PARENT_VARIABLE

STORE_VARIABLE = "TOWNLET_RANKS_STORE"
"""Holds the path of the file at which ranks meet whom the first one started."""

LEAVE_LIMIT_S = 10.0
"""So long the others may take to end, once the first rank does."""


@dataclass(frozen=True)
class Place:
    """Of this process among the ranks. The first one, 0, is the head of the run.

    local: its number on this machine, which is that of its GPU. on_one_machine: all of them are.
    store: the file to meet at; None where the environment says how, as torchrun does.
    """

    rank: int = 0
    ranks: int = 1
    local: int = 0
    on_one_machine: bool = True
    store: Path | None = None


@dataclass
class OtherRanks:
    """The ranks that this process has started, which may be none."""

    place: Place
    _processes: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    def check(self) -> None:
        """Raises RankError when one of them has ended."""
        for rank, process in enumerate(self._processes, start=1):
            if (code := process.poll()) is not None:
                raise RankError(
                    f"rank {rank} of the learner: expected it to be there, found it ended (exit code {code})"
                )


def place_of(config: Config, environment: Mapping[str, str]) -> Place:
    """As torchrun says, or whoever started this process; else the first of `learner.ranks`. Raises ConfigError."""
    if "RANK" not in environment or "WORLD_SIZE" not in environment:
        return Place(ranks=config.learner.ranks)
    ranks, size = int(environment["WORLD_SIZE"]), config.learner.batch_size
    if config.learner.ranks not in (1, ranks):
        raise ConfigError(f"learner.ranks: expected {ranks}, which were started, found {config.learner.ranks}")
    if size % ranks:
        raise ConfigError(
            f"learner.batch_size: expected a multiple of the {ranks} ranks that were started, found {size}"
        )
    store = environment.get(STORE_VARIABLE)
    return Place(
        rank=int(environment["RANK"]),
        ranks=ranks,
        local=int(environment.get("LOCAL_RANK", "0")),
        on_one_machine=int(environment.get("LOCAL_WORLD_SIZE", "0")) == ranks,
        store=Path(store) if store else None,
    )


@contextmanager
def other_ranks(config: Config) -> Iterator[OtherRanks]:
    """Start the others, if that is for this process to do; end them when the block ends."""
    place = place_of(config, os.environ)
    if place.ranks > 1 and place.on_one_machine:
        _keep_to_this_machine()
    if place.ranks == 1 or "RANK" in os.environ:
        yield OtherRanks(place)
        return
    with tempfile.TemporaryDirectory(prefix="townlet-ranks-") as folder:
        store = Path(folder) / "store"
        processes = [_start(rank, place.ranks, store) for rank in range(1, place.ranks)]
        try:
            yield OtherRanks(Place(ranks=place.ranks, store=store), processes)
        finally:
            _end(processes)


def _start(rank: int, ranks: int, store: Path) -> "subprocess.Popen[bytes]":
    """This very program, as another rank."""
    mine = {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(ranks),
        "LOCAL_WORLD_SIZE": str(ranks),
        STORE_VARIABLE: str(store),
        PARENT_VARIABLE: str(os.getpid()),
    }
    return subprocess.Popen([sys.executable, *sys.orig_argv[1:]], env={**os.environ, **mine}, stdin=subprocess.DEVNULL)


def _end(processes: "list[subprocess.Popen[bytes]]") -> None:
    """Those that still wait for the first rank leave when told to; the others know that it has left."""
    for process in processes:
        process.send_signal(signal.SIGTERM)
    for process in processes:
        try:
            process.wait(LEAVE_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _keep_to_this_machine() -> None:
    """Unless told otherwise, what ranks say to each other stays on the loopback interface."""
    loopback = next((name for _, name in socket.if_nameindex() if name in ("lo", "lo0")), None)
    if loopback is not None:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", loopback)
        os.environ.setdefault("NCCL_SOCKET_IFNAME", loopback)
