"""Tracing by OpenTelemetry, to a collector that speaks OTLP over gRPC. Imported only where it was asked for."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
import structlog
from opentelemetry import propagate, trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from townlet.rpc_handlers import refusal_of, with_behaviour
from townlet.tracing import Attributes, Metadata

EXPORT_LIMIT_S = 2.0
"""A collector that does not take the spans within this time loses them: nobody waits for it."""

Context = grpc.aio.ServicerContext[Any, Any]

log = structlog.get_logger()


class OpenTelemetry:
    """Spans are sent in the background. The service's name is the member's, its namespace the run's."""

    def __init__(self, endpoint: str, member: str, run: str) -> None:
        complaints = logging.getLogger("opentelemetry")
        complaints.handlers, complaints.propagate = [_ToTheLog()], False
        resource = Resource.create({"service.name": member, "service.namespace": run})
        exporter = OTLPSpanExporter(endpoint, insecure=endpoint.startswith("http://"), timeout=EXPORT_LIMIT_S)
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("townlet")

    def span(self, name: str, attributes: Attributes) -> AbstractContextManager[object]:
        """See townlet.tracing."""
        return self._tracer.start_as_current_span(name, attributes=attributes)

    def begin(self, name: str, attributes: Attributes) -> "_Begun":
        """See townlet.tracing."""
        return _Begun(self._tracer.start_span(name, attributes=attributes))

    def carried(self) -> Metadata:
        """See townlet.tracing."""
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
        return tuple(carrier.items())

    def interceptors(self) -> Sequence[grpc.aio.ServerInterceptor]:
        """See townlet.tracing."""
        return (_TracedCalls(self._tracer),)

    def close(self) -> None:
        """See townlet.tracing."""
        self._provider.shutdown()


@dataclass(frozen=True)
class _Begun:
    span: trace.Span

    def within(self) -> AbstractContextManager[object]:
        return trace.use_span(self.span)

    def end(self) -> None:
        self.span.end()


class _TracedCalls(grpc.aio.ServerInterceptor):
    """Each unary call is a span. Streams last as long as their callers do, and are none."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        handler = await continuation(handler_call_details)
        if handler is None or not handler.unary_unary:
            return handler
        method = handler_call_details.method.rpartition(".")[2]
        return with_behaviour(handler, self._traced(method, handler.unary_unary), handler.request_deserializer)

    def _traced(self, method: str, answer: Callable[[Any, Context], Awaitable[Any]]) -> Callable[..., Any]:
        async def behaviour(request: Any, context: Context) -> Any:
            carrier = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
            caller = propagate.extract(carrier)
            with self._tracer.start_as_current_span(method, caller, trace.SpanKind.SERVER) as span:
                response = await answer(request, context)
                if refusal_of(context):
                    span.set_status(trace.StatusCode.ERROR, context.details())
                return response

        return behaviour


class _ToTheLog(logging.Handler):
    """What the library complains of is a line of our log."""

    def emit(self, record: logging.LogRecord) -> None:
        log.warning("tracing", reason=record.getMessage())
