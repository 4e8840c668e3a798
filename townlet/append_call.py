"""The call Append, at both its ends, so that the episodes it brings are copied no more than they must be.

What travels is an AppendRequest like any other. But protobuf's own code would copy the records twice before they are
sent, and once they have come again at every look; here they are joined to a message, and read where they lie in it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio

from protos import replay_pb2 as pb
from townlet import protobuf_field
from townlet.sample_call import SERVICE


@dataclass(frozen=True)
class Episode:
    """An Episode that travels."""

    sequence: int
    records: bytes | memoryview


@dataclass
class AppendMessage:
    """An AppendRequest that travels. rest: all of it but for the episodes."""

    rest: pb.AppendRequest
    episodes: list[Episode]

    def serialised(self) -> bytes:
        """As protobuf would have it."""
        parts: list[bytes | memoryview] = [self.rest.SerializeToString()]
        for episode in self.episodes:
            head = pb.Episode(sequence=episode.sequence).SerializeToString()
            head += protobuf_field.head(pb.Episode.RECORDS_FIELD_NUMBER, len(episode.records))
            size = len(head) + len(episode.records)
            parts += [protobuf_field.head(pb.AppendRequest.EPISODES_FIELD_NUMBER, size), head, episode.records]
        return b"".join(parts)

    @classmethod
    def read(cls, message: bytes) -> "AppendMessage":
        """The inverse; the records are where they were received. Raises DecodeError."""
        number = pb.AppendRequest.EPISODES_FIELD_NUMBER
        rest, episodes = protobuf_field.split_repeated(memoryview(message), number, "AppendRequest")
        return cls(pb.AppendRequest.FromString(rest), [_read_episode(episode) for episode in episodes])


def append_method(channel: grpc.Channel) -> "grpc.UnaryUnaryMultiCallable[AppendMessage, pb.AppendResponse]":
    """Append, to be called."""
    return channel.unary_unary(f"/{SERVICE}/Append", AppendMessage.serialised, pb.AppendResponse.FromString)


def add_append(server: grpc.aio.Server, append: Callable[[AppendMessage, Any], Awaitable[pb.AppendResponse]]) -> None:
    """Serve Append. It goes before the handler that the generated code would add."""
    handler: grpc.RpcMethodHandler[Any, Any] = grpc.unary_unary_rpc_method_handler(
        append, AppendMessage.read, pb.AppendResponse.SerializeToString
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Append": handler}),))


def _read_episode(message: memoryview) -> Episode:
    rest, records = protobuf_field.split(message, pb.Episode.RECORDS_FIELD_NUMBER, "Episode")
    return Episode(pb.Episode.FromString(rest).sequence, records)
