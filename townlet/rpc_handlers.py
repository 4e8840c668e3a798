"""Handlers of gRPC methods, whatever their kind, for interceptors that put something around their behaviour."""

from collections.abc import Callable
from typing import Any

import grpc
import grpc.aio


def behaviour_of(handler: Any) -> Callable[..., Any]:
    """What the handler does with a request, or with a stream of them, and the call's context."""
    behaviour: Callable[..., Any] = getattr(handler, _kind(handler))
    return behaviour


def with_behaviour(handler: Any, behaviour: Callable[..., Any], decode: Callable[[bytes], Any] | None) -> Any:
    """The same handler, but for what it does. decode: of its requests; None gives the behaviour their bytes."""
    make: Callable[..., Any] = getattr(grpc, f"{_kind(handler)}_rpc_method_handler")
    return make(behaviour, decode, handler.response_serializer)


def refusal_of(context: "grpc.aio.ServicerContext[Any, Any]") -> grpc.StatusCode | None:
    """The status with which a behaviour that has come to an end refuses the call; None when it has answered."""
    code = context.code()
    return code if isinstance(code, grpc.StatusCode) and code is not grpc.StatusCode.OK else None


def _kind(handler: Any) -> str:
    asked = "stream" if handler.request_streaming else "unary"
    answered = "stream" if handler.response_streaming else "unary"
    return f"{asked}_{answered}"
