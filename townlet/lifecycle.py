"""How every service starts and ends: arguments, configuration, one stop signal, one way to fail."""

import argparse
import atexit
import os
import queue
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from townlet.config import Config
from townlet.config_file import load_config
from townlet.errors import ConfigError, StartOverError, TownletError, UnavailableError
from townlet.heap import reuse_memory
from townlet.launch.parent import die_with_parent
from townlet.ordinal import HOSTNAME, ordinal
from townlet.settings import ANY_PORT
from townlet.telemetry import configure_logging
from townlet.tracing import tracing

TOGETHER_S = 3.0
"""Processes that are told to stop within this time are stopped together."""

log = structlog.get_logger()


class ServiceArguments(argparse.Namespace):
    """What a service is told on its command line. index: None when it is not told."""

    config: Path
    overrides: list[str]
    index: int | None
    evaluate: bool
    fallback: bool


def arguments_parser(service: str, about: str) -> argparse.ArgumentParser:
    """`python -m SERVICE CONFIG [--set path=value ...]`."""
    parser = argparse.ArgumentParser(prog=f"python -m {service}", description=about)
    parser.add_argument("config", type=Path, help="the run's configuration, the same file for all services")
    parser.add_argument(
        "--set", dest="overrides", action="append", default=[], metavar="PATH=VALUE", help="override one value"
    )
    parser.set_defaults(index=None, evaluate=False, fallback=False)
    return parser


def add_index(parser: argparse.ArgumentParser, which: str, default: int | None) -> None:
    """Have a service told which one of several it is. which: in words."""
    about = f"{which}, from 0; {HOSTNAME}: the number at the end of the host's name"
    parser.add_argument("--index", type=lambda text: ordinal(text, socket.gethostname()), default=default, help=about)


def run_service(
    parser: argparse.ArgumentParser,
    member: Callable[[ServiceArguments], str],
    main: Callable[[Config, ServiceArguments, threading.Event], None],
) -> int:
    """Load the configuration, then run `main` until it returns; the process's exit code.

    member: the process's name in the run. main: called with the stop event that SIGTERM and SIGINT set. When it raises
    StartOverError, the process starts over in place.
    """
    stop = threading.Event()
    signals: list[int] = []
    _stop_when_told(stop, signals)
    die_with_parent()
    reuse_memory()
    try:
        arguments = parser.parse_args(namespace=ServiceArguments())
        config = load_config(arguments.config, arguments.overrides, os.environ)
        configure_logging(member(arguments), config.run.name)
        log.info("started", pid=os.getpid(), config_digest=config.digest())
        with tracing(config.tracing, member(arguments), config.run.name):
            main(config, arguments, stop)
    except StartOverError as error:
        if not signals:
            log.warning("starts_over", reason=str(error))
            os.execv(sys.executable, sys.orig_argv)
    except UnavailableError as error:
        if not stop.is_set():
            return _fail(parser.prog, error)
        log.info("stopped_waiting", reason=str(error))
    except TownletError as error:
        return _fail(parser.prog, error)
    except Exception:
        log.exception("crashed")
        return 70  # EX_SOFTWARE: a bug of ours
    log.info("stopped")
    return 0


def _stop_when_told(stop: threading.Event, signals: list[int]) -> None:
    """Note SIGTERM and SIGINT, and set `stop` at the first.

    A handler interrupts whatever is being done, other handlers included, so that it may not take the event's lock.
    """
    told: queue.SimpleQueue[int] = queue.SimpleQueue()  # to put something in is safe in a handler

    def note(number: int, _: object) -> None:
        signals.append(number)
        told.put(number)

    def wait() -> None:
        told.get()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, note)
        # The interpreter takes handlers away at its very end: one more signal would kill a service that has stopped.
        atexit.register(signal.signal, number, signal.SIG_IGN)
    threading.Thread(target=wait, name="signals", daemon=True).start()


def _fail(program: str, error: TownletError) -> int:
    log.error("failed", error=type(error).__name__, reason=str(error))
    if sys.stderr.isatty():
        print(f"{program}: {error}", file=sys.stderr)  # noqa: T201  # for a person at a terminal
    return error.exit_code


def address_of(address: str, key: str) -> str:
    """An address that can be dialled.

    key: where it stands in the configuration. Raises ConfigError when its port is left for `townlet up` to choose.
    """
    if address.endswith(f":{ANY_PORT}"):
        raise ConfigError(
            f"{key}: expected the port of a running service, found {address} (`townlet up` chooses ports)"
        )
    return address
