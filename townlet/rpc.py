"""Everything about calls that is decided once: TLS, limits, keep-alive, deadlines, retries, what every server offers.

A stub call without a deadline anywhere else is a defect.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import grpc
import grpc.aio
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from townlet.door import Door
from townlet.errors import ConfigError, InvalidRequestError, TownletError, UnavailableError
from townlet.guard import TOKEN_KEY, Guard
from townlet.late_services import LateServices
from townlet.security_settings import TlsSettings
from townlet.settings import is_loopback
from townlet.status import from_rpc_error
from townlet.tls import read_identity
from townlet.tokens import Tokens
from townlet.tracing import carried

MESSAGE_LIMIT_BYTES = 64 * 2**20
"""The largest message that is sent or taken."""

SAMPLE_LIMIT_BYTES = MESSAGE_LIMIT_BYTES // 2
"""The most that the windows of one answer may hold."""

CALL_TIMEOUT_S = 10.0
"""Deadline of a call that is answered at once."""

WAIT_S = 5.0
"""How long a call may wait on the other side for the rate limiter before it is answered with a reason."""

LONG_CALL_TIMEOUT_S = 3600.0
"""Deadline of a call that is answered once much has been read or written."""

FIRST_RETRY_S = 0.05
LAST_RETRY_S = 2.0
STOP_GRACE_S = 2.0

CALLS_AT_ONCE = 4_096
"""That a server works on; one more is refused, and repeated by its caller. A thousand actors hold a stream each."""

STREAMS_A_CONNECTION = 1_024
"""Calls that one connection may have under way; one more waits in the client."""

CONNECTION_IDLE_S = 120
"""A connection without a call for so long is closed; the next call opens it again."""

HANDSHAKE_LIMIT_S = 20
"""Who has not said who it is by then is hung up on."""

READ_AHEAD_BYTES = 256 * 2**10
"""That a connection keeps room for. Left alone gRPC keeps as much as the largest burst it has seen, for hours."""

LIVE = "townlet.live"
"""The name under which a server's health says that its process lives; under "" it says that it serves its purpose."""

_LIMITS: list[tuple[str, Any]] = [
    ("grpc.max_send_message_length", MESSAGE_LIMIT_BYTES),
    ("grpc.max_receive_message_length", MESSAGE_LIMIT_BYTES),
    ("grpc.experimental.tcp_max_read_buffer_size", READ_AHEAD_BYTES),
]
_CHANNEL_OPTIONS = [
    *_LIMITS,
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),  # of the pings that measure the bandwidth: keep-alive waits for these
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
]
_SERVER_OPTIONS = [
    *_LIMITS,
    ("grpc.so_reuseport", 0),  # else a second server on the same port would start, and take half of the calls
    ("grpc.max_concurrent_streams", STREAMS_A_CONNECTION),
    ("grpc.max_connection_idle_ms", 1_000 * CONNECTION_IDLE_S),
    ("grpc.server_handshake_timeout_ms", 1_000 * HANDSHAKE_LIMIT_S),
    ("grpc.keepalive_time_ms", 30_000),  # a peer that has vanished holds nothing for longer than these two
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.http2.max_ping_strikes", 2),  # who pings more often than that, and again, is hung up on
]

log = structlog.get_logger()

Request = TypeVar("Request")
Response = TypeVar("Response")


def open_channel(address: str, tls: TlsSettings | None, token: str = "") -> grpc.Channel:
    """A channel to `host:port`. It connects by itself, again and again.

    tls: None speaks in the clear. token: of the admin service; it goes with each call.
    Raises ConfigError when a file of `tls` is no good.
    """
    if tls is None:
        channel = grpc.insecure_channel(address, options=_CHANNEL_OPTIONS)
    else:
        channel = grpc.secure_channel(address, read_identity(tls).for_channel(), options=_CHANNEL_OPTIONS)
    return grpc.intercept_channel(channel, _TokenBearer(token)) if token else channel


def open_async_channel(address: str, tls: TlsSettings | None) -> grpc.aio.Channel:
    """The same for an event loop."""
    if tls is None:
        return grpc.aio.insecure_channel(address, options=_CHANNEL_OPTIONS)
    return grpc.aio.secure_channel(address, read_identity(tls).for_channel(), options=_CHANNEL_OPTIONS)


def start_call(
    method: "grpc.UnaryUnaryMultiCallable[Request, Response]", request: Request, *, peer: str, timeout_s: float | None
) -> Callable[[], Response]:
    """Send one unary call. What is returned waits for the answer, and raises the TownletError of a failed one.

    peer: who is called, for messages.
    """
    try:
        answer = method.future(request, timeout=timeout_s, metadata=carried())
    except ValueError:  # what grpc says of a channel that was closed meanwhile
        raise UnavailableError(f"{peer} is called no more: the connection has been closed") from None

    def result() -> Response:
        failure = answer.exception()  # raised by grpc, it would keep the frames that keep it
        if isinstance(failure, grpc.RpcError):
            raise from_rpc_error(failure, peer)
        return answer.result()

    return result


def call(
    method: "grpc.UnaryUnaryMultiCallable[Request, Response]",
    request: Request,
    *,
    peer: str,
    timeout_s: float = CALL_TIMEOUT_S,
) -> Response:
    """One unary call, waited for. See `start_call`."""
    return start_call(method, request, peer=peer, timeout_s=timeout_s)()


def stream(
    method: "grpc.UnaryStreamMultiCallable[Request, Response]", request: Request, *, peer: str, timeout_s: float | None
) -> Iterator[Response]:
    """The answers of one call that has many, as they come. Raises the TownletError of a failed one."""
    try:
        yield from method(request, timeout=timeout_s)
    except grpc.RpcError as error:
        raise from_rpc_error(error, peer) from None


def call_until_answered(
    method: "grpc.UnaryUnaryMultiCallable[Request, Response]",
    request: Request,
    *,
    peer: str,
    stop: threading.Event,
    timeout_s: float = CALL_TIMEOUT_S,
    on_retry: Callable[[TownletError], object] = str,
) -> Response:
    """Repeats an idempotent call until the peer answers, with growing pauses.

    on_retry: told of each failure that a retry follows.
    Raises what `call` raises, except UnavailableError while `stop` is not set.
    """
    pause_s = FIRST_RETRY_S
    while True:
        try:
            return call(method, request, peer=peer, timeout_s=timeout_s)
        except UnavailableError as error:
            on_retry(error)
            if stop.wait(pause_s):
                raise
        pause_s = min(2 * pause_s, LAST_RETRY_S)


class Server:
    """A server on an event loop, with health and reflection, whose errors become statuses.

    Use from a coroutine. Servicers are added through `grpc_server`, before or after the start; a server that has none
    yet tells who calls that it is not there now.

    interceptors: around every call, outermost first; they see the statuses.
    """

    def __init__(
        self,
        tls: TlsSettings | None,
        tokens: Tokens | None = None,
        interceptors: Sequence[grpc.aio.ServerInterceptor] = (),
    ) -> None:
        """tls: None speaks in the clear. tokens: of those who may use the admin service; None asks nobody for one.

        Raises ConfigError when a file of `tls` is no good.
        """
        self._credentials = None if tls is None else read_identity(tls).for_server()
        self._tokens = tokens
        services = LateServices()
        self.grpc_server = cast(grpc.aio.Server, services)  # all of it that adding a servicer needs
        self._server = grpc.aio.server(
            options=_SERVER_OPTIONS,
            interceptors=[*interceptors, Door(Guard(tokens))],
            maximum_concurrent_rpcs=CALLS_AT_ONCE,
        )
        self._server.add_generic_rpc_handlers((services,))
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self.port = 0

    async def start(self, address: str, services: tuple[str, ...]) -> None:
        """Listen on `host:port` (port 0 picks a free one: see `port`), not serving until `set_serving`.

        services: full names of the services that it will have. Raises UnavailableError when the address cannot be had,
        ConfigError when tokens would cross a network in the clear.
        """
        self._look_outside(address)
        reflection.enable_server_reflection((*services, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server)
        try:
            if self._credentials is None:
                self.port = self._server.add_insecure_port(address)
            else:
                self.port = self._server.add_secure_port(address, self._credentials)
        except RuntimeError:
            raise UnavailableError(
                f"cannot listen on {address}: expected a free port of this machine, found it in use or not ours"
            ) from None
        await self.set_serving(False)
        await self._health.set(LIVE, health_pb2.HealthCheckResponse.SERVING)
        await self._server.start()

    async def set_serving(self, serving: bool) -> None:
        """Tell health checks whether the service is ready: whether it serves its purpose."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        await self._health.set("", status)

    def _look_outside(self, address: str) -> None:
        """What is said of a server that others than this machine can reach."""
        if self._credentials is not None or is_loopback(address):
            return
        if self._tokens is not None:
            raise ConfigError(
                f"security.tokens: expected security.tls beside them, since other machines can reach {address}, found "
                "none; whoever listens in could use every token"
            )
        log.warning(
            "open_to_the_network",
            address=address,
            risk="whoever reaches this port can read, change and stop the run; set security.tls (docs/security.md)",
        )

    async def stop(self, grace_s: float = STOP_GRACE_S) -> None:
        """Refuse new calls, give running ones so long, end."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace_s)


class LoopThread:
    """An event loop in a thread of its own, for a process whose main thread has other work."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name)

    def __enter__(self) -> "LoopThread":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, work: Awaitable[Response]) -> Response:
        """Run a coroutine on the loop and wait for its result."""

        async def awaited() -> Response:
            return await work

        return asyncio.run_coroutine_threadsafe(awaited(), self._loop).result()

    def start(self, work: Coroutine[Any, Any, Response]) -> "Future[Response]":
        """Run a coroutine on the loop; its result to come."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def soon(self, callback: Callable[[], object]) -> None:
        """Run a callback on the loop, without waiting."""
        self._loop.call_soon_threadsafe(callback)


@contextmanager
def bad_request(what: str) -> Iterator[None]:
    """Turns a ValueError about a message into an InvalidRequestError that names it."""
    try:
        yield
    except ValueError as error:
        raise InvalidRequestError(f"{what}: {error}") from None


class _TokenBearer(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    """Has a token go with each call."""

    def __init__(self, token: str) -> None:
        self._metadata = (TOKEN_KEY, f"Bearer {token}")

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return continuation(self._with_token(client_call_details), request)

    def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return continuation(self._with_token(client_call_details), request)

    def _with_token(self, details: Any) -> Any:
        return details._replace(metadata=[*(details.metadata or ()), self._metadata])
