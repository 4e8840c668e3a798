"""What a shard needs and does not find: one clear sentence, and a non-zero exit."""

import json
import socket

import grpc
import pytest
from fault_proxy import FaultProxy
from redis_process import RedisServer
from shard_process import ShardProcess, episode

from townlet.errors import ConfigError
from townlet.launch.redis_server import socket_path

WITHOUT_WAITAOF = ("--rename-command", "WAITAOF", "")


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


def test_a_redis_that_answers_late_is_waited_for_answer_by_answer(redis_server, short_folder, free_port):
    with FaultProxy(str(socket_path(redis_server.folder)), latency_s=0.2) as proxy:
        shard = ShardProcess(short_folder, f"redis://{proxy.address}", free_port, "replay.redis_timeout_s=2")
        shard.start().wait_until_serving()
        shard.append(shard.open(), 0, [episode(0, 3)])
        assert shard.stop() == 0
        shard.channel.close()


def test_a_wrong_password(fails, short_folder):
    server = RedisServer(short_folder)
    server.start("--requirepass", "right")
    try:
        (short_folder / "password").write_text("wrong-one\n")
        code, reason = fails(server.url, f"replay.redis_password_file={short_folder}/password")
    finally:
        server.stop()
    assert code == 1
    assert "refuses our user or password" in reason
    assert "wrong-one" not in reason


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
    shard.config.write_text(shard.config.read_text().replace("redis_url: unix:///x", "redis_url: null"))
    shard.start()
    assert shard.process.wait(30) == ConfigError.exit_code
    assert "replay.redis_url: expected the URL of a Redis server, found null" in shard.log.read_text()


def test_a_redis_that_takes_a_connection_and_says_nothing(fails):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        code, reason = fails(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", "replay.redis_timeout_s=0.5")
    assert code == 1
    assert "Redis" in reason


def test_a_redis_without_waitaof_that_does_not_always_fsync_cannot_promise_durability(fails, short_folder):
    server = RedisServer(short_folder)
    server.start(*WITHOUT_WAITAOF, "--appendfsync", "everysec")
    try:
        code, reason = fails(server.url)
    finally:
        server.stop()
    assert code == 1
    assert "has no WAITAOF, which replay.durability: disk needs: expected" in reason
    assert "--appendfsync always, found everysec" in reason


def test_a_redis_without_waitaof_that_always_fsyncs_is_as_good(make_shard, redis_server):
    redis_server.stop()
    redis_server.start(*WITHOUT_WAITAOF)
    shard = make_shard()
    epoch = shard.open()
    assert shard.append(epoch, 0, [episode(0, 2)]).next_sequence == 1
    redis_server.kill()
    redis_server.start(*WITHOUT_WAITAOF)
    assert shard.append(epoch, 1, [episode(1, 2)], timeout=30).next_sequence == 2
    assert shard.held() == {0, 1}


def test_a_redis_without_waitaof_that_comes_back_and_fsyncs_later_is_refused(make_shard, redis_server):
    redis_server.stop()
    redis_server.start(*WITHOUT_WAITAOF)
    shard = make_shard()
    epoch = shard.open()
    shard.append(epoch, 0, [episode(0, 2)])
    redis_server.kill()
    redis_server.start(*WITHOUT_WAITAOF, "--appendfsync", "everysec")
    with pytest.raises(grpc.RpcError):
        shard.append(epoch, 1, [episode(1, 2)], timeout=10)
    assert shard.process.wait(20) == 1
    assert "--appendfsync always, found everysec" in shard.log.read_text()
