"""Real parts for all tests."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from redis_process import RedisServer

from townlet.launch.places import free_port, free_ports

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


@pytest.fixture(name="free_port")
def a_free_port() -> int:
    """A TCP port that nobody listens on, nor will, but for the test: others run beside it."""
    return free_port()


@pytest.fixture
def unused_ports():
    """So many TCP ports that nobody listens on."""
    return free_ports
