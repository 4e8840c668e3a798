"""Where the services of a run listen, when `townlet up` starts all of them on this machine."""

import secrets
import socket
from collections import Counter
from contextlib import suppress
from pathlib import Path

from townlet.config import Config
from townlet.errors import ConfigError, UnavailableError
from townlet.launch.redis_server import server_url
from townlet.run_folder import RunFolder
from townlet.settings import ANY_PORT

FIRST_PORT = 20_000
"""Above what well-known servers have."""
TRIES = 64
HANDED_OUT = Path("/proc/sys/net/ipv4/ip_local_port_range")
"""Which ports the system gives to who asks for any, clients among them: first and last (Linux)."""


def place(config: Config, folder: RunFolder) -> Config:
    """The configuration with a free port wherever any will do, and with the embedded Redis where none is named.

    Raises UnavailableError when a port that is named is not free, ConfigError when it is named twice: before anything
    has started.
    """
    named = Counter([*config.replay.addresses, config.learner.address])
    for address, times in named.items():
        if times > 1 and not address.endswith(f":{ANY_PORT}"):
            raise ConfigError(
                f"replay.addresses, learner.address: expected an address for each service, found {address} twice"
            )
    learner, *shards = _placed([config.learner.address, *config.replay.addresses])
    replay = {"addresses": tuple(shards), "redis_url": config.replay.redis_url or server_url(folder.redis)}
    return config.model_copy(
        update={
            "replay": config.replay.model_copy(update=replay),
            "learner": config.learner.model_copy(update={"address": learner}),
        }
    )


def free_port(host: str = "127.0.0.1") -> int:
    """A port of this machine that nobody listens on now, and that the system hands to nobody who asks for any.

    So it is still there when a service that died comes back to it, however many connections are made meanwhile.
    Raises OSError when there is none, or `host` is no address of this machine.
    """
    count = _first_handed_out() - FIRST_PORT
    for _ in range(TRIES if count > 0 else 0):
        with suppress(OSError):
            return _bound(host, FIRST_PORT + secrets.randbelow(count))
    return _bound(host, ANY_PORT)


def free_ports(count: int, host: str = "127.0.0.1") -> list[int]:
    """That many, each another one."""
    ports: dict[int, None] = {}
    while len(ports) < count:
        ports[free_port(host)] = None
    return list(ports)


def _first_handed_out() -> int:
    """The first of the ports that the system gives to who asks for any."""
    try:
        return int(HANDED_OUT.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 32_768


def _placed(addresses: list[str]) -> list[str]:
    """Each with a port that nobody listens on now, and of those for which any will do no two with the same."""
    placed = dict.fromkeys(addresses)
    return [_place(address, placed) for address in addresses]


def _place(address: str, others: dict[str, None]) -> str:
    """others: addresses that it may not have if any port will do; then it becomes one of them."""
    host, _, port = address.rpartition(":")
    try:
        if int(port) != ANY_PORT:
            return f"{host}:{_bound(host, int(port), again=True)}"
        while (found := f"{host}:{free_port(host)}") in others:
            pass
    except OSError:
        raise UnavailableError(
            f"cannot listen on {address}: expected a free port of this machine, found it in use or not ours"
        ) from None
    others[found] = None
    return found


def _bound(host: str, port: int, *, again: bool = False) -> int:
    """The port that a socket can be bound to. again: also where connections to one before it have hardly ended."""
    family, kind, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, again)
        probe.bind(where)
        return int(probe.getsockname()[1])
