"""The call Sample, at both its ends, so that the records it brings are copied no more than they must be.

What travels is a SampleResponse like any other. But protobuf's own code would copy its data three times before they are
sent, and three times once they have come; here they are gathered where they lie in the message, and read from there.
"""

import io
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
import numpy as np
from numpy.typing import NDArray

from protos import replay_pb2 as pb
from townlet import protobuf_field

SERVICE = pb.DESCRIPTOR.services_by_name["ReplayService"].full_name


@dataclass(frozen=True)
class Sampled:
    """A SampleResponse that has come. rest: all of it but for the data. data: these, where they were received."""

    rest: pb.SampleResponse
    data: memoryview

    @classmethod
    def of(cls, response: pb.SampleResponse) -> "Sampled":
        """One that was made some other way."""
        return cls(response, memoryview(response.data))


class SampleMessage:
    """A SampleResponse in the making. data: uint8 [size], to be filled."""

    def __init__(self, size: int) -> None:
        head = protobuf_field.head(pb.SampleResponse.DATA_FIELD_NUMBER, size)
        self._message = io.BytesIO(bytes(len(head) + size))
        self._message.write(head)
        self.data: NDArray[np.uint8] = np.frombuffer(self._message.getbuffer(), np.uint8, offset=len(head))

    def finish(self, rest: pb.SampleResponse) -> bytes:
        """The message, with all but the data from `rest`. Whoever filled the data has let go of them."""
        del self.data
        self._message.seek(0, io.SEEK_END)
        self._message.write(rest.SerializeToString())
        return self._message.getvalue()


def read_message(message: bytes) -> Sampled:
    """Split a serialised SampleResponse. Raises DecodeError."""
    rest, data = protobuf_field.split(memoryview(message), pb.SampleResponse.DATA_FIELD_NUMBER, "SampleResponse")
    return Sampled(pb.SampleResponse.FromString(rest), data)


def sample_method(channel: grpc.Channel) -> "grpc.UnaryUnaryMultiCallable[pb.SampleRequest, Sampled]":
    """Sample, to be called."""
    return channel.unary_unary(f"/{SERVICE}/Sample", pb.SampleRequest.SerializeToString, read_message)


def add_sample(server: grpc.aio.Server, sample: Callable[[pb.SampleRequest, Any], Awaitable[bytes]]) -> None:
    """Serve Sample with what answers serialised. It goes before the handler that the generated code would add."""
    handler: grpc.RpcMethodHandler[Any, Any] = grpc.unary_unary_rpc_method_handler(
        sample, pb.SampleRequest.FromString, response_serializer=None
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Sample": handler}),))
