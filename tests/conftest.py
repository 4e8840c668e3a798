"""Real parts for all tests."""

import socket
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import settings
from redis_process import RedisServer

# Noisy machines: an example that takes long is no failure, a wrong one is.
settings.register_profile("townlet", deadline=None, max_examples=50)
settings.load_profile("townlet")


@pytest.fixture
def short_folder():
    """A folder with a path short enough for a unix socket."""
    with tempfile.TemporaryDirectory(prefix="townlet-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def redis_server(short_folder):
    """A running server."""
    server = RedisServer(short_folder)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def unused_ports():
    """So many TCP ports that nobody listens on."""

    def find(count: int) -> tuple[int, ...]:
        with ExitStack() as stack:
            probes = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
            return tuple(probe.getsockname()[1] for probe in probes)

    return find
