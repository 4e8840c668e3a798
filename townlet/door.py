"""What every call comes through: the guard first, then the handler, whose errors become statuses."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from townlet.errors import InvalidRequestError, TownletError
from townlet.guard import Context, Guard
from townlet.rpc_handlers import behaviour_of, with_behaviour
from townlet.status import to_code

LONGEST_DETAILS = 2_000
"""Characters that an error is told in; a peer takes 8 KiB of metadata."""

Decode = Callable[[bytes], Any] | None


class Door(grpc.aio.ServerInterceptor):
    """Requests are decoded here, since gRPC would take bytes that are no message for a bug of the server."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        behind = _streaming if handler.response_streaming else _answering
        decoded = partial(_each_decoded if handler.request_streaming else _decoded, handler.request_deserializer)
        check = partial(self._guard.check, str(handler_call_details.method))
        return with_behaviour(handler, behind(behaviour_of(handler), decoded, check), decode=None)


def _answering(answer: Callable[..., Any], decoded: Callable[[Any], Any], check: Callable[[Context], None]) -> Any:
    async def behaviour(message: Any, context: Context) -> Any:
        try:
            check(context)
            return await answer(decoded(message), context)
        except TownletError as error:
            return _refuse(context, error)

    return behaviour


def _streaming(stream: Callable[..., Any], decoded: Callable[[Any], Any], check: Callable[[Context], None]) -> Any:
    async def behaviour(message: Any, context: Context) -> Any:
        try:
            check(context)
            answers = stream(decoded(message), context)
            if inspect.isawaitable(answers):  # it writes its answers itself, as health does
                await answers
                return
            async for response in answers:
                yield response
        except TownletError as error:
            _refuse(context, error)

    return behaviour


def _refuse(context: Context, error: TownletError) -> None:
    """The status that the call ends with once its behaviour has come to an end.

    To abort it would raise an error that the call keeps, and that keeps the call, with all that it brought, until the
    garbage collector comes by. A peer refuses a status that says too much, such as a name of a megabyte.
    """
    context.set_code(to_code(error))
    context.set_details(str(error)[:LONGEST_DETAILS])


def _decoded(decode: Decode, message: bytes) -> Any:
    try:
        return decode(message) if decode else message
    except DecodeError:
        raise InvalidRequestError(
            f"expected a message of this call, found {len(message)} bytes that are none"
        ) from None


async def _each_decoded(decode: Decode, messages: AsyncIterator[bytes]) -> AsyncIterator[Any]:
    async for message in messages:
        yield _decoded(decode, message)
