"""The metrics of a process over HTTP."""

import asyncio
import socket
from contextlib import contextmanager
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from prometheus_client import CollectorRegistry, Counter

from townlet.errors import UnavailableError
from townlet.metrics.endpoint import HEAD_LIMIT_BYTES, Endpoint, showing
from townlet.metrics.registry import new_registry


@contextmanager
def shown(port: int):
    registry = CollectorRegistry()
    Counter("townlet_things_total", "Things.", registry=registry).inc(3)
    with showing(registry, f"127.0.0.1:{port}"):
        yield f"http://127.0.0.1:{port}"


def test_prometheus_finds_the_metrics_as_text(free_port):
    with shown(free_port) as url, urlopen(f"{url}/metrics?ignored=1", timeout=20) as response:
        assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert "\ntownlet_things_total 3.0\n" in response.read().decode()


@pytest.mark.parametrize(("method", "path", "code"), [("GET", "/", 404), ("POST", "/metrics", 405)])
def test_there_is_nothing_else(free_port, method, path, code):
    with shown(free_port) as url, pytest.raises(HTTPError) as refused:
        urlopen(Request(url + path, method=method), timeout=20)
    assert refused.value.code == code
    refused.value.close()


@pytest.mark.parametrize("words", [b"\r\n\r\n", b"\xff\xfe \r\n\r\n", b"GET\r\n\r\n", b"x" * (4 * HEAD_LIMIT_BYTES)])
def test_who_speaks_no_http_is_sent_away_and_the_next_one_is_served(free_port, words):
    with shown(free_port) as url:
        with socket.create_connection(("127.0.0.1", free_port), timeout=20) as stranger:
            stranger.sendall(words)
            try:
                while stranger.recv(4096):
                    pass
            except ConnectionResetError:
                pass
        with urlopen(f"{url}/metrics", timeout=20) as response:
            assert response.status == 200


def test_a_port_in_use_is_one_sentence(free_port):
    async def second(address: str) -> None:
        await Endpoint(CollectorRegistry(), address).start()

    expected = rf"metrics.address: cannot listen on 127.0.0.1:{free_port}: expected a free port of this machine, found"
    with shown(free_port), pytest.raises(UnavailableError, match=expected):
        asyncio.run(second(f"127.0.0.1:{free_port}"))


def test_without_an_address_nobody_listens():
    async def scenario() -> int:
        endpoint = Endpoint(CollectorRegistry(), None)
        await endpoint.start()
        await endpoint.stop()
        return endpoint.port

    assert asyncio.run(scenario()) == 0


def test_a_process_says_who_it_is_and_where_it_stands():
    versions = iter([3, 4])
    registry = new_registry("actor-0", "r", "abc", lambda: next(versions))
    assert registry.get_sample_value("townlet_version") == 3
    assert registry.get_sample_value("townlet_version") == 4
    again = new_registry("actor-0", "r", "abc", lambda: 0)  # a process may have two, as tests do
    assert again.get_sample_value("townlet_member_info", {"member": "actor-0", "run": "r", "config": "abc"}) == 1
    assert again.get_sample_value("process_resident_memory_bytes") > 0
    assert again.get_sample_value("process_open_fds") > 0
