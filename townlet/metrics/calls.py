"""Counts and times the calls that a server answers."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
from prometheus_client import CollectorRegistry, Counter, Histogram

from townlet.rpc_handlers import behaviour_of, refusal_of, with_behaviour

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

Context = grpc.aio.ServicerContext[Any, Any]


class CallMetrics(grpc.aio.ServerInterceptor):
    """For a server: `townlet_rpc_handled_total` and `townlet_rpc_seconds`. Put it before those that set statuses."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._handled = Counter("townlet_rpc_handled_total", "Calls answered.", ["method", "code"], registry=registry)
        self._seconds = Histogram(
            "townlet_rpc_seconds",
            "From a call to its answer, waiting included; streams are not timed.",
            ["method"],
            buckets=BUCKETS_S,
            registry=registry,
        )
        self._methods: dict[str, _Method] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """See grpc.aio."""
        handler = await continuation(handler_call_details)
        if handler is None:  # an unknown method: a stranger's words shall be no labels
            return None
        method = self._method(handler_call_details.method)
        counted = method.streaming if handler.response_streaming else method.answering
        return with_behaviour(handler, counted(behaviour_of(handler)), handler.request_deserializer)

    def _method(self, path: str) -> "_Method":
        if path not in self._methods:
            name = path.rpartition(".")[2]
            self._methods[path] = _Method(self._seconds.labels(name), lambda code: self._handled.labels(name, code))
        return self._methods[path]


class _Method:
    """What is known of the calls of one method. It is on the way of each of them: its labels are looked up once."""

    def __init__(self, seconds: Histogram, handled: Callable[[str], Counter]) -> None:
        self._seconds = seconds
        self._handled = handled
        self._ok = handled("OK")

    def answering(self, answer: Callable[[Any, Context], Awaitable[Any]]) -> Callable[..., Any]:
        async def behaviour(request: Any, context: Context) -> Any:
            began = time.perf_counter()
            try:
                response = await answer(request, context)
            except BaseException as error:
                self._handled(_code(context, error)).inc()
                raise
            finally:
                self._seconds.observe(time.perf_counter() - began)
            self._count_end(context)
            return response

        return behaviour

    def streaming(self, stream: Callable[[Any, Context], AsyncIterator[Any]]) -> Callable[..., Any]:
        async def behaviour(request: Any, context: Context) -> Any:
            try:
                async for response in stream(request, context):
                    yield response
            except BaseException as error:
                self._handled(_code(context, error)).inc()
                raise
            self._count_end(context)

        return behaviour

    def _count_end(self, context: Context) -> None:
        """A behaviour has come to an end."""
        refusal = refusal_of(context)
        (self._handled(refusal.name) if refusal else self._ok).inc()


def _code(context: Context, error: BaseException) -> str:
    """The status with which a call has failed."""
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return "CANCELLED"
    refusal = refusal_of(context)
    return refusal.name if refusal else "UNKNOWN"
