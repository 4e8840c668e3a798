"""The call Sample, at both its ends, so that the records it brings are copied no more than they must be.

What travels is a SampleResponse like any other. But protobuf's own code would copy its data three times before they are
sent, and three times once they have come; here they are gathered where they lie in the message, and read from there.
"""

import io
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import grpc
import grpc.aio
import numpy as np
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from protos import replay_pb2 as pb
from townlet import protobuf_field

SERVICE = pb.DESCRIPTOR.services_by_name["ReplayService"].full_name


class _Kind(IntEnum):
    """How a field is written: protobuf.dev/programming-guides/encoding."""

    VARINT = 0
    FIXED64 = 1
    LENGTH = 2
    FIXED32 = 5


_DATA_KEY = protobuf_field.key(pb.SampleResponse.DATA_FIELD_NUMBER)


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
    """Split a serialised SampleResponse, whatever the order of its fields. Raises DecodeError."""
    view, data = memoryview(message), memoryview(b"")
    rest = []
    at = 0
    while at < len(message):
        begin = at
        key, at = _read_varint(message, at)
        length = 0
        match key & 7:
            case _Kind.VARINT:
                _, at = _read_varint(message, at)
            case _Kind.FIXED64:
                length = 8
            case _Kind.LENGTH:
                length, at = _read_varint(message, at)
            case _Kind.FIXED32:
                length = 4
            case kind:
                raise DecodeError(f"SampleResponse: expected fields of a known kind, found kind {kind}")
        at += length
        if at > len(message):
            raise DecodeError(f"SampleResponse: expected at least {at} bytes, found {len(message)}")
        if key == _DATA_KEY:
            data = view[at - length : at]
        else:
            rest.append(view[begin:at])
    return Sampled(pb.SampleResponse.FromString(b"".join(rest)), data)


def sample_method(channel: grpc.Channel) -> "grpc.UnaryUnaryMultiCallable[pb.SampleRequest, Sampled]":
    """Sample, to be called."""
    return channel.unary_unary(f"/{SERVICE}/Sample", pb.SampleRequest.SerializeToString, read_message)


def add_sample(server: grpc.aio.Server, sample: Callable[[pb.SampleRequest, Any], Awaitable[bytes]]) -> None:
    """Serve Sample with what answers serialised. It goes before the handler that the generated code would add."""
    handler: grpc.RpcMethodHandler[Any, Any] = grpc.unary_unary_rpc_method_handler(
        sample, pb.SampleRequest.FromString, response_serializer=None
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Sample": handler}),))


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    """The number that begins there, and where it ends."""
    number = 0
    for shift in range(0, 64, 7):
        if at >= len(message):
            break
        part = message[at]
        at += 1
        number |= (part & 0x7F) << shift
        if part < 0x80:
            return number, at
    raise DecodeError(f"SampleResponse: expected a whole number before byte {at}, found none")
