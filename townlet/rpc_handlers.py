"""Handlers of gRPC methods, whatever their kind, for interceptors that put something around their behaviour."""

from collections.abc import Callable
from typing import Any

import grpc


def behaviour_of(handler: Any) -> Callable[..., Any]:
    """What the handler does with a request, or with a stream of them, and the call's context."""
    behaviour: Callable[..., Any] = getattr(handler, _kind(handler))
    return behaviour


def with_behaviour(handler: Any, behaviour: Callable[..., Any], decode: Callable[[bytes], Any] | None) -> Any:
    """The same handler, but for what it does. decode: of its requests; None gives the behaviour their bytes."""
    make: Callable[..., Any] = getattr(grpc, f"{_kind(handler)}_rpc_method_handler")
    return make(behaviour, decode, handler.response_serializer)


def _kind(handler: Any) -> str:
    asked = "stream" if handler.request_streaming else "unary"
    answered = "stream" if handler.response_streaming else "unary"
    return f"{asked}_{answered}"
