"""Whether a service is well: that it lives and that it is ready are two things."""

import os
import subprocess
import sys
import time

import grpc
import pytest
from redis_process import RedisServer
from run_process import CONFIGS
from shard_process import ShardProcess

from learner.front import Front
from protos import admin_pb2, admin_pb2_grpc, policy_pb2
from townlet.config_file import load_config
from townlet.errors import ConfigError, UnavailableError
from townlet.health import check
from townlet.health_server import HealthServer
from townlet.rpc import call, open_channel
from townlet.subscribe_call import subscribe_method

L0 = CONFIGS / "L0_minimal.yaml"


def test_a_process_lives_before_it_is_ready(free_port):
    config = load_config(L0, [f"actor.health=0.0.0.0:{free_port}"])
    with HealthServer(config.actor.health, None) as health:
        check(config, "actor", 0, live=True)
        with pytest.raises(UnavailableError, match=f"^actor at 127.0.0.1:{free_port}: expected it to be ready, found"):
            check(config, "actor", 0, live=False)
        health.ready()
        health.ready()
        check(config, "actor", 0, live=False)
    with pytest.raises(UnavailableError, match="does not answer"):
        check(config, "actor", 0, live=True)


def test_a_learner_that_restores_lives_and_whoever_calls_it_is_told_to_come_again(free_port):
    config = load_config(L0, ["learner.address=learner:1", f"learner.listen=0.0.0.0:{free_port}"])
    with Front(config.learner.listen), open_channel(f"127.0.0.1:{free_port}", None) as channel:
        check(config, "learner", 0, live=True)
        with pytest.raises(UnavailableError, match="expected it to be ready"):
            check(config, "learner", 0, live=False)
        with pytest.raises(UnavailableError, match="it has just started, and is not ready yet"):
            call(admin_pb2_grpc.AdminServiceStub(channel).Status, admin_pb2.StatusRequest(), peer="learner")
        stream = subscribe_method(channel)(policy_pb2.SubscribeRequest(run="r"), timeout=10)
        with pytest.raises(grpc.RpcError, match="it has just started, and is not ready yet"):
            next(stream)  # and not first a policy that is none


def test_a_shard_lives_before_its_redis_does_and_is_ready_with_it(short_folder, free_port):
    redis = RedisServer(short_folder)
    shard = ShardProcess(short_folder, redis.url, free_port, "replay.redis_timeout_s=90").start()
    config = load_config(shard.config)
    try:
        wait_until_well(config, "replay", live=True)
        with pytest.raises(UnavailableError, match="expected it to be ready"):
            check(config, "replay", 0, live=False)
        redis.start()
        wait_until_well(config, "replay", live=False)
    finally:
        shard.kill()
        redis.stop()


def wait_until_well(config, service: str, *, live: bool) -> None:
    deadline = time.monotonic() + 80
    while True:
        try:
            return check(config, service, 0, live=live)
        except UnavailableError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_who_is_asked_nowhere_cannot_be_well():
    with pytest.raises(ConfigError, match=r"^actor\.health: expected an address to ask, found null$"):
        check(load_config(L0), "actor", 0, live=True)
    with pytest.raises(ConfigError, match=r"^--index: expected less than 1 shards, found 1$"):
        check(load_config(L0), "replay", 1, live=True)


def test_the_command_says_in_one_sentence_what_is_wrong(free_port):
    environment = {**os.environ, "TOWNLET__ACTOR__HEALTH": f"127.0.0.1:{free_port}"}

    def asked(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "townlet.health", str(L0), "actor", *options]
        return subprocess.run(command, env=environment, check=False, capture_output=True, text=True, timeout=60)

    with HealthServer(f"127.0.0.1:{free_port}", None):
        assert (asked("--live").returncode, asked("--live").stderr) == (0, "")
        assert (asked().returncode, asked().stderr.count("\n")) == (1, 1)
    gone = asked("--live")
    assert (gone.returncode, gone.stderr.count("\n")) == (1, 1)
    assert gone.stderr.startswith(f"actor at 127.0.0.1:{free_port} does not answer")
