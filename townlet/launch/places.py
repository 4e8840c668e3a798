"""Where the services of a run listen, when `townlet up` starts all of them on this machine."""

import socket
from collections import Counter

from townlet.config import Config
from townlet.errors import ConfigError, UnavailableError
from townlet.launch.redis_server import server_url
from townlet.run_folder import RunFolder
from townlet.settings import ANY_PORT


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
    addresses = tuple(_place(address) for address in config.replay.addresses)
    replay = {"addresses": addresses, "redis_url": config.replay.redis_url or server_url(folder.redis)}
    return config.model_copy(
        update={
            "replay": config.replay.model_copy(update=replay),
            "learner": config.learner.model_copy(update={"address": _place(config.learner.address)}),
        }
    )


def _place(address: str) -> str:
    """The address with a port that nobody listens on now."""
    host, _, port = address.rpartition(":")
    try:
        family, kind, _, _, where = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(port) != ANY_PORT)
            probe.bind(where)
            return f"{host}:{probe.getsockname()[1]}"
    except OSError:
        raise UnavailableError(
            f"cannot listen on {address}: expected a free port of this machine, found it in use or not ours"
        ) from None
