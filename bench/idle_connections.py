"""Claim: while 2,000 connections that do nothing, or next to nothing, are held, the ring keeps 0.9 of its throughput.

Half of them to a shard, half to the learner: some have only connected, some have begun to speak HTTP/2 and gone silent,
and some have begun a call whose request comes byte by byte. One run is measured with and without them in turn.
"""

import itertools
import resource
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench.rounds import Case, Ratio, compare, options
from chaos.target import Target

CONFIG = Path(__file__).parents[1] / "configs" / "L1_full.yaml"
SETTINGS = (
    *("evaluation.enabled=false", "evaluation.goal=null", "learner.max_updates=null"),
    *("actor.count=1", "actor.lanes=32", "replay.capacity=40000", "checkpoint.period_s=null"),
)
FILES = 8_192
LEAST_WINDOW_S = 15
"""A learner draws and publishes in bursts."""
SETTLE = 0.2
"""Of a window, before it."""
DRIP_S = 1.0
START_LIMIT_S = 300.0

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
"""What a client of HTTP/2 says first, with empty SETTINGS."""
CALL_HEADERS = {
    ":method": "POST",
    ":scheme": "http",
    ":path": "/grpc.health.v1.Health/Check",
    ":authority": "nobody",
    "te": "trailers",
    "content-type": "application/grpc",
}
REQUEST_BYTES = 4_096


def frame(kind: int, flags: int, stream: int, payload: bytes, length: int | None = None) -> bytes:
    """A frame of HTTP/2. length: that is announced, where it is not that of the payload."""
    announced = len(payload) if length is None else length
    return announced.to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def call_without_end() -> bytes:
    """The headers of a call, and the beginning of its request, of which the rest is still to come."""
    literal = b"".join(
        b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
        for name, value in CALL_HEADERS.items()
    )
    prefix = b"\0" + REQUEST_BYTES.to_bytes(4, "big")
    headers, data = 1, 0
    return frame(headers, 4, 1, literal) + frame(data, 0, 1, prefix, 5 + REQUEST_BYTES)


OPENINGS = (b"", PREFACE, PREFACE + call_without_end())
"""What the connections say: nothing, their preface, or a call that never ends."""


class Crowd:
    """So many connections that are held. One that the server ends is opened again, as those who mean harm would."""

    def __init__(self, addresses: tuple[str, ...], size: int) -> None:
        self._addresses = addresses
        self._size = size
        self._held: list[tuple[str, bytes, socket.socket]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._drip, name="crowd")

    def __enter__(self) -> "Crowd":
        for address, opening in itertools.islice(
            itertools.cycle(itertools.product(self._addresses, OPENINGS)), self._size
        ):
            self._held.append((address, opening, _connected(address, opening)))
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join()
        for _, _, each in self._held:
            each.close()

    def _drip(self) -> None:
        """A byte of each request that is not complete, every second."""
        while not self._stop.wait(DRIP_S):
            for at, (address, opening, each) in enumerate(self._held):
                try:
                    if opening == OPENINGS[-1]:
                        each.send(b"\0")
                    while each.recv(4_096):
                        pass
                    raise ConnectionResetError
                except BlockingIOError:
                    continue
                except OSError:
                    each.close()
                    self._held[at] = address, opening, _connected(address, opening)


def _connected(address: str, opening: bytes) -> socket.socket:
    host, _, port = address.rpartition(":")
    connection = socket.create_connection((host, int(port)), timeout=30.0)
    connection.sendall(opening)
    connection.setblocking(False)
    return connection


@contextmanager
def running() -> Iterator[Target]:
    """A run that trains."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/tmp") as root:
        target = Target(Path(root), CONFIG, SETTINGS)
        target.start()
        try:
            target.wait_for_config(START_LIMIT_S)
            until_s = time.monotonic() + START_LIMIT_S
            while updates(target) == 0 and time.monotonic() < until_s:
                time.sleep(0.2)
            yield target
        finally:
            target.end()


def updates(target: Target) -> int:
    """Made so far; 0 while nobody answers."""
    status = target.status()
    return status.updates if status else 0


def updates_per_s(target: Target, window_s: float, connections: int) -> float:
    """Of the ring, while so many are held."""
    with Crowd((target.config.learner.address, *target.config.replay.addresses), connections):
        time.sleep(SETTLE * window_s)  # connections that are being made are no load to compare
        began_s, before = time.monotonic(), updates(target)
        time.sleep(window_s)  # the ring works, and is counted
        return (updates(target) - before) / (time.monotonic() - began_s)


def main() -> None:
    """Measure and print."""
    chosen = options(__doc__, connections=2_000, window=LEAST_WINDOW_S)
    window_s = max(chosen.window, chosen.seconds)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, most), most))
    with running() as target:
        crowded = f"{chosen.connections} idle connections"
        cases = [
            Case("alone", "updates/s", partial(updates_per_s, target, window_s, 0)),
            Case(crowded, "updates/s", partial(updates_per_s, target, window_s, chosen.connections)),
        ]
        compare("throughput of the ring", cases, [Ratio(f"{crowded} / alone", crowded, "alone")], chosen)


if __name__ == "__main__":
    main()
