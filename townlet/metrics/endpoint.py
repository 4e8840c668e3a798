"""The metrics of a process, over HTTP: on the event loop that owns what is shown, so that nothing needs a lock."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from townlet.errors import UnavailableError
from townlet.rpc import LoopThread

PATH = "/metrics"
HEAD_LIMIT_BYTES = 8192
HEAD_LIMIT_S = 5.0
"""Whoever has not asked by then is sent away."""
CONNECTIONS = 16
"""So many are answered at a time; others wait."""

log = structlog.get_logger()


class Endpoint:
    """Answers `GET /metrics` with a registry as text. address: `host:port`; None for nowhere."""

    def __init__(self, registry: CollectorRegistry, address: str | None) -> None:
        self.port = 0
        self._registry = registry
        self._address = address
        self._server: asyncio.Server | None = None
        self._answering = asyncio.Semaphore(CONNECTIONS)

    async def start(self) -> None:
        """Listen. Raises UnavailableError when the address cannot be had."""
        if self._address is None:
            return
        host, _, port = self._address.rpartition(":")
        try:
            self._server = await asyncio.start_server(self._serve, host, int(port), limit=HEAD_LIMIT_BYTES)
        except OSError as error:
            raise UnavailableError(
                f"metrics.address: cannot listen on {self._address}: expected a free port of this machine, found: "
                f"{error.strerror or error}"
            ) from None
        self.port = self._server.sockets[0].getsockname()[1]
        log.info("shows_metrics", url=f"http://{host}:{self.port}{PATH}")

    async def stop(self) -> None:
        """Listen no more; harmless where nobody listens."""
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with self._answering, asyncio.timeout(HEAD_LIMIT_S):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._answer(head.split(b"\r\n", 1)[0]))
                await writer.drain()
        writer.close()

    def _answer(self, request: bytes) -> bytes:
        """To the first line of a request."""
        method, _, rest = request.decode("latin-1").partition(" ")
        if rest.partition(" ")[0].partition("?")[0] != PATH:
            return _response("404 Not Found", f"the metrics are at {PATH}\n".encode())
        if method != "GET":
            return _response("405 Method Not Allowed", b"expected GET\n")
        return _response("200 OK", generate_latest(self._registry))


def _response(status: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {CONTENT_TYPE_PLAIN_0_0_4}\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body


@contextmanager
def showing(registry: CollectorRegistry, address: str | None) -> Iterator[None]:
    """For a process without an event loop: serves from one in a thread of its own."""
    if address is None:
        yield
        return
    with LoopThread("metrics") as loop:
        endpoint = Endpoint(registry, address)
        loop.run(endpoint.start())
        try:
            yield
        finally:
            loop.run(endpoint.stop())
