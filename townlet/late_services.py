"""The servicers of a server, which may come after it has begun to listen."""

from collections.abc import AsyncIterator, Iterable
from typing import Any

import grpc
import grpc.aio

from townlet.errors import UnavailableError

OURS = "/townlet."


class LateServices(grpc.GenericRpcHandler):
    """Stands in for the server where generated code adds a servicer: a server's own handlers are fixed at its start.

    added: the servicers. Until there is one, whoever calls is told that it is not there now. For one event loop.
    """

    def __init__(self) -> None:
        self.added: list[grpc.GenericRpcHandler] = []

    def add_generic_rpc_handlers(self, handlers: Iterable[grpc.GenericRpcHandler]) -> None:
        """Called by the generated code."""
        self.added += handlers

    def add_registered_method_handlers(self, service: str, handlers: object) -> None:
        """Called by the generated code with the same handlers once more."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """The handler of a method; None where there is none."""
        found = next(filter(None, (each.service(handler_call_details) for each in self.added)), None)
        if found is None and not self.added and str(handler_call_details.method).startswith(OURS):
            return grpc.unary_stream_rpc_method_handler(_not_yet)
        return found


async def _not_yet(_: object, __: object) -> AsyncIterator[bytes]:
    """A stream of no answers: a call for one answer would be sent an empty one before it is refused."""
    raise UnavailableError("it has just started, and is not ready yet")
    yield b""
