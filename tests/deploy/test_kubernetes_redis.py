"""The Redis of the manifests, with the users that docs/kubernetes.md has people make: a real server."""

import hashlib
import re
from pathlib import Path

import pytest
import redis
from manifests.rendering import REPOSITORY, ROOT
from redis_process import RedisServer

PASSWORD = "3f1c"


@pytest.fixture
def server(short_folder: Path):
    """A server with the configuration of the base, and the documented users."""
    text = (REPOSITORY / "docs" / "kubernetes.md").read_text()
    [users] = re.findall(r"cat >users\.acl <<END\n(.*?)\n    END\n", text, re.DOTALL)
    digest = hashlib.sha256(PASSWORD.encode()).hexdigest()
    lines = [re.sub(r"\$\(.*?\)", digest, line.strip()) for line in users.splitlines()]
    (short_folder / "users.acl").write_text("\n".join(lines) + "\n")
    settings = [
        line.split(" ", 1)
        for line in (ROOT / "base" / "redis.conf").read_text().splitlines()
        if line[:1] not in ("#", "")
    ]
    options = [
        word for key, value in settings if key not in ("dir", "unixsocket") for word in (f"--{key}", value.strip('"'))
    ]
    server = RedisServer(short_folder)
    server.start(*options, "--aclfile", str(short_folder / "users.acl"))
    yield server
    server.stop()


def connect(server, **who):
    """A client of the server."""
    return redis.Redis.from_url(server.url, socket_timeout=20, **who)


def test_a_probe_needs_no_password(server):
    assert connect(server).ping()


@pytest.mark.parametrize("command", ["GET a", "KEYS *", "CONFIG GET *", "FLUSHALL", "INFO", "CLIENT LIST"])
def test_without_a_password_nothing_else_is_answered(server, command):
    with pytest.raises(redis.exceptions.NoPermissionError):
        connect(server).execute_command(*command.split())


def test_a_wrong_password_is_refused(server):
    with pytest.raises(redis.exceptions.AuthenticationError):
        connect(server, username="townlet", password="3f1d").ping()


def test_a_shard_may_do_what_it_does(server):
    shard, prefix = connect(server, username="townlet", password=PASSWORD), "townlet:{run/0}:"
    pipe = shard.pipeline(transaction=False)
    pipe.execute_command("MULTI")
    pipe.set(f"{prefix}episode:1", b"records")
    pipe.hset(f"{prefix}ids", mapping={"1": "actor-0/1/0"})
    pipe.unlink(f"{prefix}episode:0")
    pipe.hdel(f"{prefix}ids", "0")
    pipe.execute_command("EXEC")
    pipe.execute_command("WAITAOF", 1, 0, 5000)
    assert pipe.execute()[-1][0] == 1
    assert shard.hgetall(f"{prefix}ids") == {b"1": b"actor-0/1/0"}
    assert shard.hkeys(f"{prefix}ids") == [b"1"]
    assert shard.mget([f"{prefix}episode:1"]) == [b"records"]
    assert shard.hmget(f"{prefix}ids", ["1"]) == [b"actor-0/1/0"]
    assert shard.delete(f"{prefix}ids") == 1
    assert shard.info("persistence")["aof_enabled"] == 1


@pytest.mark.parametrize(
    "command", ["GET other", "FLUSHALL", "CONFIG SET appendonly no", "SHUTDOWN", "ACL LIST", "KEYS *"]
)
def test_a_shard_may_do_nothing_else(server, command):
    with pytest.raises(redis.exceptions.NoPermissionError):
        connect(server, username="townlet", password=PASSWORD).execute_command(*command.split())
