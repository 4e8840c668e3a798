"""A store of each kind: on a disk, in memory behind fsspec, and behind a real S3 API on loopback."""

import secrets

import pytest

from townlet.checkpoint.store import VersionStore

KEYS = {"key": "test", "secret": "test"}


@pytest.fixture(scope="session")
def s3_endpoint():
    """The address of a server that speaks S3."""
    pytest.importorskip("s3fs", reason="needs townlet[s3]")
    server_module = pytest.importorskip("moto.server", reason="needs moto[server], of townlet[dev]")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_options(s3_endpoint):
    """What fsspec needs to know of it."""
    return {**KEYS, "endpoint_url": s3_endpoint, "client_kwargs": {"region_name": "eu-west-1"}}


@pytest.fixture
def s3_root(s3_options):
    """A URL in a fresh bucket."""
    import s3fs

    bucket = f"townlet-{secrets.token_hex(4)}"
    s3fs.S3FileSystem(**s3_options, skip_instance_cache=True).mkdir(bucket)
    return f"s3://{bucket}/runs/test"


@pytest.fixture(params=["local", "memory", "s3"])
def store(request, tmp_path):
    """An empty store."""
    if request.param == "local":
        return VersionStore(tmp_path / "versions")
    if request.param == "memory":
        return VersionStore(f"memory://townlet-{secrets.token_hex(4)}/versions")
    return VersionStore(request.getfixturevalue("s3_root"), request.getfixturevalue("s3_options"))
