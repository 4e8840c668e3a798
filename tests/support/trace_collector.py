"""A collector of traces: a real OTLP receiver on loopback."""

import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc


class TraceCollector(trace_service_pb2_grpc.TraceServiceServicer):
    """Use as a context manager. endpoint: as tracing.endpoint. spans: (member, span), as they came."""

    def __init__(self) -> None:
        self.spans = []
        self._lock = threading.Lock()
        self._server = grpc.server(ThreadPoolExecutor(4))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(self, self._server)
        self.endpoint = f"http://127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def __enter__(self) -> "TraceCollector":
        self._server.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.stop(0).wait()

    def Export(self, request, context):
        for of_process in request.resource_spans:
            names = {each.key: each.value.string_value for each in of_process.resource.attributes}
            spans = [span for scope in of_process.scope_spans for span in scope.spans]
            with self._lock:
                self.spans += [(names["service.name"], span) for span in spans]
        return pb.ExportTraceServiceResponse()

    def named(self, member: str, name: str):
        """The spans of one member with one name."""
        with self._lock:
            return [span for of, span in self.spans if (of, span.name) == (member, name)]

    def parts(self, whole: str, part: tuple[str, str]):
        """The spans of a member with a name, part = (member, name), whose parent is a span with the name `whole`."""
        with self._lock:
            parents = {span.span_id for _, span in self.spans if span.name == whole}
        return [span for span in self.named(*part) if span.parent_span_id in parents]
