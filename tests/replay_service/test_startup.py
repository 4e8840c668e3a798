"""What a shard needs and does not find: one clear sentence, and a non-zero exit."""

import json

import pytest
from redis_process import RedisServer
from shard_process import ShardProcess

from townlet.errors import ConfigError


@pytest.fixture
def fails(short_folder, free_port):
    """Runs a shard that must fail; its exit code and its reason."""

    def run(redis_url: str, *overrides: str) -> tuple[int, str]:
        shard = ShardProcess(short_folder, redis_url, free_port, *overrides).start()
        code = shard.process.wait(30)
        errors = [json.loads(line) for line in shard.log.read_text().splitlines() if line.startswith("{")]
        assert "Traceback" not in shard.log.read_text()
        return code, errors[-1]["reason"]

    return run


def test_a_redis_that_is_not_there(fails, short_folder):
    code, reason = fails(f"unix://{short_folder}/nobody.sock", "replay.redis_timeout_s=0.5")
    assert code == 1
    assert reason.startswith(f"Redis at unix://{short_folder}/nobody.sock does not serve us:")


def test_a_wrong_password(fails, short_folder):
    server = RedisServer(short_folder)
    server.start("--requirepass", "right")
    try:
        code, reason = fails(server.url.replace("unix://", "unix://:wrong@"))
    finally:
        server.stop()
    assert code == 1
    assert "refuses our user or password" in reason
    assert "wrong@" not in reason


def test_a_redis_without_an_append_only_file_cannot_promise_durability(fails, short_folder):
    server = RedisServer(short_folder, durability="memory")
    server.start()
    try:
        code, reason = fails(server.url)
    finally:
        server.stop()
    assert code == 1
    assert "keeps no append-only file, which replay.durability: disk needs" in reason


def test_a_port_in_use(make_shard, short_folder, redis_server):
    running = make_shard()
    port = int(running.address.rpartition(":")[2])
    (short_folder / "second").mkdir()
    second = ShardProcess(short_folder / "second", redis_server.url, port).start()
    assert second.process.wait(30) == 1
    assert f"cannot listen on 127.0.0.1:{port}: expected a free port" in second.log.read_text()
    assert running.stats().capacity > 0


def test_no_redis_url_at_all(short_folder, free_port):
    shard = ShardProcess(short_folder, "unix:///x", free_port)
    config = short_folder / "config.yaml"
    config.write_text(config.read_text().replace("redis_url: unix:///x", "redis_url: null"))
    shard.start()
    assert shard.process.wait(30) == ConfigError.exit_code
    assert "replay.redis_url: expected the URL of a Redis server, found null" in shard.log.read_text()
