"""How every service starts and ends: arguments, configuration, one stop signal, one way to fail."""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from townlet.config import ANY_PORT, Config
from townlet.config_file import load_config
from townlet.errors import ConfigError, TownletError, UnavailableError
from townlet.launch.parent import die_with_parent
from townlet.telemetry import configure_logging

log = structlog.get_logger()


class ServiceArguments(argparse.Namespace):
    """What a service is told on its command line."""

    config: Path
    overrides: list[str]
    index: int
    evaluate: bool


def arguments_parser(service: str, about: str) -> argparse.ArgumentParser:
    """`python -m SERVICE CONFIG [--set path=value ...]`."""
    parser = argparse.ArgumentParser(prog=f"python -m {service}", description=about)
    parser.add_argument("config", type=Path, help="the run's configuration, the same file for all services")
    parser.add_argument(
        "--set", dest="overrides", action="append", default=[], metavar="PATH=VALUE", help="override one value"
    )
    parser.set_defaults(index=0, evaluate=False)
    return parser


def run_service(
    parser: argparse.ArgumentParser,
    member: Callable[[ServiceArguments], str],
    main: Callable[[Config, ServiceArguments, threading.Event], None],
) -> int:
    """Load the configuration, then run `main` until it returns; the process's exit code.

    member: the process's name in the run. main: called with the stop event that SIGTERM and SIGINT set.
    """
    arguments = parser.parse_args(namespace=ServiceArguments())
    stop = threading.Event()
    die_with_parent()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        config = load_config(arguments.config, arguments.overrides, os.environ)
        configure_logging(member(arguments), config.run.name)
        log.info("started", pid=os.getpid(), config_digest=config.digest())
        main(config, arguments, stop)
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
