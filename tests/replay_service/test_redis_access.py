"""A shard gets into a Redis that asks for a user, a password and TLS; and shows the password nowhere."""

import subprocess
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from redis_process import RedisServer
from shard_process import ShardProcess, episode
from tls_terminator import TlsTerminator

from replay_service.redis_access import PASSWORD_VARIABLE, redis_access
from townlet.certificates import Authority
from townlet.config_file import load_config
from townlet.errors import ConfigError
from townlet.launch.places import free_port
from townlet.launch.redis_server import server_binary

L0 = Path(__file__).parents[2] / "configs" / "L0_minimal.yaml"
PASSWORD = "s3cr3t-of-the-store"
RULES = ("~townlet:*", "+@all", "-@dangerous", "+info")
"""What docs/security.md lets the user do."""


@pytest.fixture
def locked_redis(short_folder, free_port):
    """A server that lets in the user `townlet` alone, on a TCP port, too."""
    server = RedisServer(short_folder)
    acl = short_folder / "users.acl"
    acl.write_text(f"user default off\nuser townlet on >{PASSWORD} {' '.join(RULES)}\n")
    server.start("--port", str(free_port), "--bind", "127.0.0.1", "--aclfile", str(acl))
    yield free_port
    server.stop()


@pytest.fixture
def make_shard(tmp_path, monkeypatch):
    """Starts a shard with the password in the environment, or in a file."""
    with ExitStack() as stack:

        def make(url: str, *overrides: str, password: str | None) -> ShardProcess:
            monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)
            if password is not None:
                monkeypatch.setenv(PASSWORD_VARIABLE, password)
            shard = ShardProcess(tmp_path, url, free_port(), "replay.redis_timeout_s=2", *overrides)
            stack.callback(shard.channel.close)
            stack.callback(shard.kill)
            return shard.start()

        yield make


def works(shard: ShardProcess) -> None:
    """It stores and samples; the password is in nothing that anybody may read."""
    shard.wait_until_serving()
    shard.append(shard.open(), 0, [episode(1, 20)])
    assert shard.held() == {1}
    assert PASSWORD not in Path(f"/proc/{shard.process.pid}/cmdline").read_text()
    shard.stop()
    for path in shard.log.parent.glob("*"):
        assert PASSWORD not in path.read_text(), path


def fails(shard: ShardProcess) -> str:
    """Why it does not start."""
    assert shard.process.wait(150) == 1
    log = shard.log.read_text()
    assert PASSWORD not in log
    assert "Traceback" not in log
    return log


def test_a_user_with_a_password_from_the_environment(locked_redis, make_shard):
    works(make_shard(f"redis://townlet@127.0.0.1:{locked_redis}/0", password=PASSWORD))


def test_a_user_with_a_password_from_a_file(locked_redis, make_shard, short_folder):
    (short_folder / "password").write_text(PASSWORD + "\n")
    file = f"replay.redis_password_file={short_folder}/password"
    works(make_shard(f"redis://townlet@127.0.0.1:{locked_redis}/0", file, password="another one"))


@pytest.mark.parametrize(("user", "password"), [("townlet@", f"{PASSWORD}-not"), ("townlet@", None), ("", PASSWORD)])
def test_a_wrong_user_or_password_is_one_sentence(locked_redis, make_shard, user, password):
    log = fails(make_shard(f"redis://{user}127.0.0.1:{locked_redis}/0", password=password))
    assert f"Redis at redis://{user}127.0.0.1:{locked_redis}/0 refuses our user or password" in log


def test_behind_tls_whose_authority_is_known(locked_redis, make_shard, short_folder):
    authority = Authority(short_folder / "papers", timedelta(days=1))
    certificate = authority.issue("redis", (), client=False)
    ca = f"replay.redis_ca={short_folder}/papers/ca.pem"
    with TlsTerminator(certificate, certificate.with_suffix(".key"), locked_redis) as front:
        works(make_shard(f"rediss://townlet@127.0.0.1:{front.port}/0", ca, password=PASSWORD))
        log = fails(make_shard(f"rediss://townlet@127.0.0.1:{front.port}/0", password=PASSWORD))
        assert "CERTIFICATE_VERIFY_FAILED" in log


def test_behind_tls_of_its_own(make_shard, short_folder):
    papers = short_folder / "papers"
    certificate = Authority(papers, timedelta(days=1)).issue("redis", (), client=False)
    port = free_port()
    tls = ("--tls-port", str(port), "--tls-cert-file", str(certificate), "--tls-auth-clients", "no")
    tls = (*tls, "--tls-key-file", str(certificate.with_suffix(".key")), "--tls-ca-cert-file", str(papers / "ca.pem"))
    probe = subprocess.run(
        ["timeout", "2", server_binary(), "--port", "0", "--save", "", *tls],
        check=False,
        capture_output=True,
        text=True,
        cwd=short_folder,
    )
    if "Failed finding TLS support" in probe.stdout:
        pytest.skip(f"{server_binary()} is built without TLS; the test before this one puts TLS in front of it")
    server = RedisServer(short_folder)
    server.start(*tls, "--requirepass", PASSWORD)
    try:
        works(make_shard(f"rediss://127.0.0.1:{port}/0", f"replay.redis_ca={papers}/ca.pem", password=PASSWORD))
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "cannot be read: No such file"), ("", "found nothing"), ("a\nb\n", "found several"), (b"\xff", "in UTF-8")],
)
def test_a_password_file_that_holds_none_is_one_sentence(tmp_path, content, told):
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    config = load_config(L0, ["replay.redis_url=redis://far:1", f"replay.redis_password_file={path}"])
    with pytest.raises(ConfigError, match=rf"^replay.redis_password_file: {path}: .*{told}"):
        redis_access(config, {})


def test_an_authority_without_tls_means_nothing(tmp_path):
    config = load_config(L0, ["replay.redis_url=redis://far:1", f"replay.redis_ca={tmp_path}/ca.pem"])
    with pytest.raises(ConfigError, match=r"^replay.redis_ca: expected a replay.redis_url that begins with rediss://"):
        redis_access(config, {})
    config = load_config(L0, ["replay.redis_url=rediss://far:1", f"replay.redis_ca={tmp_path}/ca.pem"])
    with pytest.raises(ConfigError, match=rf"^replay.redis_ca: {tmp_path}/ca.pem: cannot be read: No such file"):
        redis_access(config, {})


def test_a_password_that_crosses_a_network_in_the_clear_is_warned_of(capsys):
    config = load_config(L0, ["replay.redis_url=redis://me@far:6379/0"])
    access = redis_access(config, {PASSWORD_VARIABLE: PASSWORD})
    assert "redis_without_tls" in capsys.readouterr().out
    assert (access.password, PASSWORD in repr(access)) == (PASSWORD, False)
    for url in ("rediss://me@far:6379/0", "redis://me@localhost/0", "unix:///tmp/redis.sock"):
        redis_access(load_config(L0, [f"replay.redis_url={url}"]), {PASSWORD_VARIABLE: PASSWORD})
    assert capsys.readouterr().out == ""
