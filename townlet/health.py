"""Is a service of this machine well? `python -m townlet.health CONFIG learner|replay|actor|relay`; exit code 0 or 1.

For the health checks of containers: asks the health service that the process has, which tells under "" whether it is
ready (it serves its purpose: nothing is being restored, an actor has its policy), and with --live whether it lives,
which depends on nobody else.
"""

import argparse
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grpc_health.v1 import health_pb2, health_pb2_grpc

from townlet.config import Config
from townlet.config_file import load_config
from townlet.errors import ConfigError, TownletError, UnavailableError
from townlet.ordinal import HOSTNAME, ordinal
from townlet.rpc import LIVE, call, open_channel

TIMEOUT_S = 5.0
EVERY_HOST = "0.0.0.0"
LOOPBACK = "127.0.0.1"


def _of_shard(config: Config, index: int) -> str | None:
    if index >= len(config.replay.addresses):
        raise ConfigError(f"--index: expected less than {len(config.replay.addresses)} shards, found {index}")
    return config.replay.listen or config.replay.addresses[index]


LISTENS: dict[str, Callable[[Config, int], str | None]] = {
    "learner": lambda config, _: config.learner.listen or config.learner.address,
    "replay": _of_shard,
    "actor": lambda config, _: config.actor.health,
    "relay": lambda config, _: config.relay.address,
}
"""Where each service listens; None: nowhere."""


def check(config: Config, service: str, index: int, *, live: bool) -> None:
    """Ask a service of this machine whether it is well. Raises TownletError when it is not, or does not answer."""
    address = LISTENS[service](config, index)
    if address is None:
        raise ConfigError(f"{service}.health: expected an address to ask, found null")
    host, _, port = address.rpartition(":")
    address = f"{LOOPBACK if host == EVERY_HOST else host}:{port}"
    peer, name = f"{service} at {address}", LIVE if live else ""
    with open_channel(address, config.security.tls) as channel:
        request = health_pb2.HealthCheckRequest(service=name)
        stub: Any = health_pb2_grpc.HealthStub(channel)  # its types leave the methods out
        answer = call(stub.Check, request, peer=peer, timeout_s=TIMEOUT_S)
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        raise UnavailableError(f"{peer}: expected it to be {'alive' if live else 'ready'}, found that it is not")


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m townlet.health", description="Is a service of this machine well?")
    parser.add_argument("config", type=Path, help="the run's configuration, as the service has it")
    parser.add_argument("service", choices=LISTENS)
    parser.add_argument("--live", action="store_true", help="whether the process lives, rather than whether it serves")
    parser.add_argument("--index", default="0", help=f"which shard, from 0; {HOSTNAME}: as the host's name ends")
    parser.add_argument(
        "--set", dest="overrides", action="append", default=[], metavar="PATH=VALUE", help="override one value"
    )
    arguments = parser.parse_args()
    try:
        index = ordinal(arguments.index, socket.gethostname())
        config = load_config(arguments.config, arguments.overrides, os.environ)
        check(config, arguments.service, index, live=arguments.live)
    except TownletError as error:
        print(error, file=sys.stderr)  # noqa: T201  # for people, and for whoever shows why a container is unwell
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
