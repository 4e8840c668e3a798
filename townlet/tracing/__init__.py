"""Spans, for whoever asked to trace; else nothing, at the cost of one comparison.

As the log is, tracing is one for a process: OpenTelemetry is imported only once it is turned on. A span covers what is
done within it, and whatever servers do for the calls made within it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar

from townlet.errors import ConfigError
from townlet.tracing_settings import TracingSettings

if TYPE_CHECKING:
    import grpc.aio  # commands that only parse their arguments do without it

Attributes = dict[str, str | int | float | bool]
Metadata = tuple[tuple[str, str | bytes], ...]
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Begun(Protocol):
    """A span that ends elsewhere than where it began."""

    def within(self) -> AbstractContextManager[object]:
        """What is done within it is a part of it."""

    def end(self) -> None:
        """It is over."""


class Tracer(Protocol):
    """See the functions of this module."""

    def span(self, name: str, attributes: Attributes) -> AbstractContextManager[object]:
        """See `span`."""

    def begin(self, name: str, attributes: Attributes) -> Begun:
        """See `begin`."""

    def carried(self) -> Metadata:
        """See `carried`."""

    def interceptors(self) -> "Sequence[grpc.aio.ServerInterceptor]":
        """See `interceptors`."""

    def close(self) -> None:
        """Send what is not sent yet."""


class _NoSpan:
    def within(self) -> AbstractContextManager[object]:
        return nullcontext()

    def end(self) -> None:
        pass


class _Process:
    tracer: Tracer | None = None


_process = _Process()
_no_span = _NoSpan()


def span(name: str, **attributes: str | int | float | bool) -> AbstractContextManager[object]:
    """What is done within it is one span."""
    return nullcontext() if _process.tracer is None else _process.tracer.span(name, attributes)


def begin(name: str, **attributes: str | int | float | bool) -> Begun:
    """A span that begins now, and ends when it is told to."""
    return _no_span if _process.tracer is None else _process.tracer.begin(name, attributes)


def traced(name: str, work: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """The same work, a span each time."""
    if _process.tracer is None:
        return work

    def within(*arguments: Arguments.args, **options: Arguments.kwargs) -> Result:
        with span(name):
            return work(*arguments, **options)

    return within


def carried() -> Metadata | None:
    """What a call takes along, so that its server knows the span that it is a part of; None for nothing."""
    return None if _process.tracer is None else _process.tracer.carried()


def interceptors() -> "Sequence[grpc.aio.ServerInterceptor]":
    """For a server: each call is a span, a part of its caller's."""
    return () if _process.tracer is None else _process.tracer.interceptors()


@contextmanager
def tracing(settings: TracingSettings, member: str, run: str) -> Iterator[None]:
    """Trace meanwhile, if that is asked for. Raises ConfigError when the packages for it are missing."""
    if settings.endpoint is None:
        yield
        return
    try:
        from townlet.tracing.opentelemetry import OpenTelemetry
    except ImportError as error:
        raise ConfigError(
            f"tracing.endpoint: expected null, or the packages of townlet[tracing], found no {error.name}; "
            "pip install 'townlet[tracing]'"
        ) from None
    _process.tracer = OpenTelemetry(settings.endpoint, member, run)
    try:
        yield
    finally:
        tracer, _process.tracer = _process.tracer, None
        tracer.close()
