"""Every RPC of both services in turn: what it was sent, what it answered, and what it cost."""

import asyncio
import os
import random
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from chaos.hostile.fire import AT_ONCE, DECODED, PATIENCE_S, Tally, fire_through_socket, fire_within, streams_of
from chaos.hostile.messages import HostileMessages
from chaos.hostile.requests import Requests
from chaos.hostile.services import Served, Services
from chaos.soak.gauges import gauges_of
from townlet.errors import TownletError
from townlet.rpc import open_channel

CHUNK = 5_000
SOCKET_PATIENCE_S = 5.0
OWN_MEMORY_BYTES = 6 * 2**30
"""A request that would have the server take more fails, and does not take this machine along."""
LAST = ("RestoreVersion", "Stop")
"""After these a learner is on its way out."""
SLOW = {"Checkpoint": 5_000, "CutVersion": 50}
"""Where nearly every message is a good one, and each is much work: so many are decoded for every one that is obeyed."""
MOST_GROWN_MIB = 200
"""Messages that change nothing leave nothing behind, but for what allocators keep."""
MIB = 2**20


@dataclass(frozen=True)
class Shot:
    """What one RPC went through. within, through_socket: see `fire`. obeyed_of: see SLOW."""

    path: str
    within: Tally
    through_socket: Tally
    seconds: float
    grown_mib: float
    obeyed_of: int
    failures: list[str]

    @property
    def good(self) -> bool:
        """Whether it stood."""
        return not (self.failures or self.within.wrong or self.through_socket.wrong)


def limit_own_memory() -> None:
    """From here on this process cannot have more than it has by much."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + OWN_MEMORY_BYTES, resource.RLIM_INFINITY))


def paths_of(served: Served) -> list[str]:
    """Every RPC that a server says it has, by reflection; those that end it last."""
    with open_channel(served.address, None) as channel:
        names = ProtoReflectionDescriptorDatabase(channel).get_services()
    services = [descriptor_pool.Default().FindServiceByName(name) for name in names]
    paths = [f"/{service.full_name}/{method.name}" for service in services for method in service.methods]
    return sorted(paths, key=lambda path: (path.rpartition("/")[2] in LAST, path))


def shoot(
    services: Services,
    served: Served,
    path: str,
    seed: int,
    within: int,
    through_socket: int,
    tell: Callable[[str], None],
) -> Shot:
    """Fire so many messages at one RPC, in the server's loop and through its socket, and see whether all stand."""
    began_s = time.monotonic()
    requests = Requests(services)
    requests.prepare()
    kind, method = _request_kind(path), path.rpartition("/")[2]
    messages = HostileMessages(kind, requests.good, requests.examples(kind), random.Random(f"{seed} {path}"))
    inside, outside, failures = Tally(), Tally(), list[str]()
    handler, obeyed_of = served.handlers[path], SLOW.get(method, 1)
    memory = _resident_mib()
    for first in range(0, within, CHUNK):
        chunk = [messages.any() for _ in range(min(CHUNK, within - first))]
        messages.renew()
        obeyed = chunk[::obeyed_of]
        firing = fire_within(handler, obeyed, inside, AT_ONCE, PATIENCE_S)
        asyncio.run_coroutine_threadsafe(firing, served.loop).result()
        if obeyed_of > 1:
            _only_decode(kind, [message for at, message in enumerate(chunk) if at % obeyed_of], inside)
        if first == CHUNK:
            memory = _resident_mib()  # by now everything has been seen once
        if (failure := _pulse(services, requests)) and failure not in failures:
            failures.append(failure)
            break
    chunk = [messages.any() for _ in range(through_socket // (100 if obeyed_of > 1 else 1))]
    asyncio.run(
        fire_through_socket(served.address, path, streams_of(handler), chunk, outside, AT_ONCE, SOCKET_PATIENCE_S)
    )
    failures += [failure for failure in [_pulse(services, requests)] if failure and failure not in failures]
    grown_mib = _resident_mib() - memory
    if grown_mib > MOST_GROWN_MIB:
        failures.append(
            f"expected at most {MOST_GROWN_MIB} MiB more than after {CHUNK} messages, found {grown_mib:.0f}"
        )
    shot = Shot(path, inside, outside, time.monotonic() - began_s, grown_mib, obeyed_of, failures)
    tell(_line(shot))
    return shot


def _only_decode(kind: Any, messages: list[bytes], tally: Tally) -> None:
    for message in messages:
        try:
            GetMessageClass(kind).FromString(message)
        except DecodeError:
            tally.note("INVALID_ARGUMENT", message)
        else:
            tally.note(DECODED, message)


def _pulse(services: Services, requests: Requests) -> str:
    """What is wrong with the services; empty while both answer."""
    if services.failures:
        return "; ".join(services.failures)
    try:
        requests.pulse()
    except TownletError as error:
        return str(error)
    return ""


def _request_kind(path: str) -> Any:
    service, method = path.removeprefix("/").split("/")
    return descriptor_pool.Default().FindServiceByName(service).methods_by_name[method].input_type


def _resident_mib() -> float:
    gauges = gauges_of(os.getpid())
    assert gauges is not None
    return gauges.resident_bytes / MIB


def _line(shot: Shot) -> str:
    answers = ", ".join(
        f"{name} {count}" for name, count in (shot.within.answers + shot.through_socket.answers).most_common()
    )
    return (
        f"{shot.path}: {shot.within.sent} within, {shot.through_socket.sent} through a socket, {shot.seconds:.0f} s, "
        f"{shot.grown_mib:+.0f} MiB; {answers}"
    )
