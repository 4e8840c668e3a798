"""Fires messages at one RPC and counts what it answers: in the server's own event loop, or through a real socket."""

import asyncio
import traceback
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio

AT_ONCE = 256
PATIENCE_S = 0.25
"""Who has no answer by then goes away, as clients do."""
WAITED = "WENT_AWAY"
DECODED = "ONLY_DECODED"
RIGHT = {
    *(
        "OK",
        WAITED,
        DECODED,
        "INVALID_ARGUMENT",
        "FAILED_PRECONDITION",
        "NOT_FOUND",
        "OUT_OF_RANGE",
        "ABORTED",
        "DATA_LOSS",
    ),
    *("UNAVAILABLE", "UNAUTHENTICATED", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "CANCELLED", "DEADLINE_EXCEEDED"),
    "UNIMPLEMENTED",
}
"""What a server may answer. UNKNOWN and INTERNAL are bugs of ours."""
MOST_EXAMPLES = 20


@dataclass
class Tally:
    """What one RPC was sent and has answered. wrong: by what went wrong, the first message that did it."""

    sent: int = 0
    answers: "Counter[str]" = field(default_factory=Counter)
    wrong: dict[str, str] = field(default_factory=dict)

    def note(self, answer: str, message: bytes, why: str = "") -> None:
        """One answer. why: what is known about one that is not right."""
        self.sent += 1
        self.answers[answer] += 1
        if answer not in RIGHT and len(self.wrong) < MOST_EXAMPLES:
            self.wrong.setdefault(f"{answer}: {why}", message.hex())


class EndedError(Exception):
    """A call was ended with a status."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self.code = code


class CallContext:
    """What a servicer needs of a call that came through no socket."""

    async def abort(self, code: grpc.StatusCode, details: str = "") -> None:
        """Ends the call."""
        raise EndedError(code, details)

    def invocation_metadata(self) -> tuple[()]:
        """None."""
        return ()

    def auth_context(self) -> dict[str, list[bytes]]:
        """Of nobody."""
        return {}

    def peer(self) -> str:
        """Who calls."""
        return "nobody"

    def set_code(self, code: grpc.StatusCode) -> None:
        """Of the answer that is returned; as when the call was ended with it."""
        if code is not grpc.StatusCode.OK:
            raise EndedError(code, "")

    async def write(self, _: object) -> None:
        """The first answer of a handler that writes by itself is enough."""
        raise EndedError(grpc.StatusCode.OK, "")

    def set_details(self, details: str) -> None:
        """Not looked at."""


async def fire_within(handler: Any, messages: Sequence[bytes], tally: Tally, at_once: int, patience_s: float) -> None:
    """Call a handler as the server does, on its event loop. Past by: HTTP/2, sockets, and gRPC's own limits."""
    for first in range(0, len(messages), at_once):
        tasks = {
            asyncio.create_task(_call_within(handler, message)): message
            for message in messages[first : first + at_once]
        }
        _, late = await asyncio.wait(tasks, timeout=patience_s)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
        for task, message in tasks.items():
            if task.cancelled():
                tally.note(WAITED, message)
            else:
                tally.note(*_with(message, task.result()))


def _with(message: bytes, answer: tuple[str, str]) -> tuple[str, bytes, str]:
    return answer[0], message, answer[1]


async def _call_within(handler: Any, message: bytes) -> tuple[str, str]:
    """The status, and why it is that."""
    context = CallContext()
    try:
        request = handler.request_deserializer(message) if handler.request_deserializer else message
        if handler.unary_unary:
            (handler.response_serializer or bytes)(await handler.unary_unary(request, context))
        elif handler.unary_stream:
            await _first_answer(handler, handler.unary_stream(request, context))
        else:
            await _first_answer(handler, handler.stream_stream(_one(request), context))
    except EndedError as ended:
        return ended.code.name, str(ended)
    except asyncio.CancelledError:
        raise
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return "UNKNOWN", f"{type(error).__name__}: {error} ({frame.filename}:{frame.lineno})"
    return "OK", ""


async def _one(request: object) -> Any:
    yield request


async def _first_answer(handler: Any, answers: Any) -> None:
    try:
        async for answer in answers:
            (handler.response_serializer or bytes)(answer)
            return
    finally:
        await answers.aclose()


async def fire_through_socket(
    address: str, path: str, streams: str, messages: Iterable[bytes], tally: Tally, at_once: int, patience_s: float
) -> None:
    """The same as any client can, every byte as it is. path: /package.Service/Method. streams: see `streams_of`."""
    async with grpc.aio.insecure_channel(address) as channel:
        method = getattr(channel, streams)(path, request_serializer=None, response_deserializer=None)
        waiting = asyncio.Semaphore(at_once)

        async def send(message: bytes) -> None:
            async with waiting:
                try:
                    if streams == "unary_unary":
                        await method(message, timeout=patience_s)
                    else:
                        call = method(message if streams == "unary_stream" else _one(message), timeout=patience_s)
                        await call.read()
                        call.cancel()
                except grpc.aio.AioRpcError as error:
                    tally.note(error.code().name, message, error.details() or "")
                else:
                    tally.note("OK", message)

        await asyncio.gather(*(send(message) for message in messages))


def streams_of(handler: Any) -> str:
    """How a channel calls the kind of method that a handler serves."""
    kinds = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
    return next(kind for kind in kinds if getattr(handler, kind))
