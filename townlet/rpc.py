"""Everything about calls that is decided once: limits, keep-alive, deadlines, retries, and what every server offers.

A stub call without a deadline anywhere else is a defect.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from townlet.errors import InvalidRequestError, TownletError, UnavailableError
from townlet.status import from_rpc_error, to_code

MESSAGE_LIMIT_BYTES = 64 * 2**20
"""The largest message that is sent or taken."""

SAMPLE_LIMIT_BYTES = MESSAGE_LIMIT_BYTES // 2
"""The most that the windows of one answer may hold."""

CALL_TIMEOUT_S = 10.0
"""Deadline of a call that is answered at once."""

WAIT_S = 5.0
"""How long a call may wait on the other side for the rate limiter before it is answered with a reason."""

FIRST_RETRY_S = 0.05
LAST_RETRY_S = 2.0
STOP_GRACE_S = 2.0

_LIMITS: list[tuple[str, Any]] = [
    ("grpc.max_send_message_length", MESSAGE_LIMIT_BYTES),
    ("grpc.max_receive_message_length", MESSAGE_LIMIT_BYTES),
]
_CHANNEL_OPTIONS = [
    *_LIMITS,
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
]
_SERVER_OPTIONS = [
    *_LIMITS,
    ("grpc.so_reuseport", 0),  # else a second server on the same port would start, and take half of the calls
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
]

Request = TypeVar("Request")
Response = TypeVar("Response")


def open_channel(address: str) -> grpc.Channel:
    """A channel to `host:port`. It connects by itself, again and again."""
    return grpc.insecure_channel(address, options=_CHANNEL_OPTIONS)


def open_async_channel(address: str) -> grpc.aio.Channel:
    """The same for an event loop."""
    return grpc.aio.insecure_channel(address, options=_CHANNEL_OPTIONS)


def start_call(
    method: "grpc.UnaryUnaryMultiCallable[Request, Response]", request: Request, *, peer: str, timeout_s: float
) -> Callable[[], Response]:
    """Send one unary call. What is returned waits for the answer, and raises the TownletError of a failed one.

    peer: who is called, for messages.
    """
    answer = method.future(request, timeout=timeout_s)

    def result() -> Response:
        try:
            return answer.result()
        except grpc.RpcError as error:
            raise from_rpc_error(error, peer) from None

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

    Use from a coroutine: add servicers through `grpc_server`, name their services, then start.
    """

    def __init__(self) -> None:
        self.grpc_server = grpc.aio.server(options=_SERVER_OPTIONS, interceptors=[_ErrorsToStatuses()])
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self.grpc_server)
        self.port = 0

    async def start(self, address: str, services: tuple[str, ...]) -> None:
        """Listen on `host:port` (port 0 picks a free one: see `port`), not serving until `set_serving`.

        services: full names of the services added. Raises UnavailableError when the address cannot be had.
        """
        reflection.enable_server_reflection((*services, health.SERVICE_NAME, reflection.SERVICE_NAME), self.grpc_server)
        try:
            self.port = self.grpc_server.add_insecure_port(address)
        except RuntimeError:
            raise UnavailableError(
                f"cannot listen on {address}: expected a free port of this machine, found it in use or not ours"
            ) from None
        await self.set_serving(False)
        await self.grpc_server.start()

    async def set_serving(self, serving: bool) -> None:
        """Tell health checks whether calls are welcome."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        await self._health.set("", status)

    async def stop(self) -> None:
        """Refuse new calls, give running ones a moment, end."""
        await self._health.enter_graceful_shutdown()
        await self.grpc_server.stop(STOP_GRACE_S)


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


class _ErrorsToStatuses(grpc.aio.ServerInterceptor):
    """Ends a call whose handler raised a TownletError with that error's status."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        if handler.unary_unary:
            return grpc.unary_unary_rpc_method_handler(
                cast(Any, _answering(handler.unary_unary)), handler.request_deserializer, handler.response_serializer
            )
        if handler.unary_stream:
            return grpc.unary_stream_rpc_method_handler(
                cast(Any, _streaming(handler.unary_stream)), handler.request_deserializer, handler.response_serializer
            )
        return handler


def _answering(answer: Callable[..., Any]) -> Callable[..., Any]:
    async def behaviour(request: object, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        try:
            return await answer(request, context)
        except TownletError as error:
            return await context.abort(to_code(error), str(error))

    return behaviour


def _streaming(stream: Callable[..., Any]) -> Callable[..., Any]:
    async def behaviour(request: object, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
        try:
            async for response in stream(request, context):
                yield response
        except TownletError as error:
            await context.abort(to_code(error), str(error))

    return behaviour
