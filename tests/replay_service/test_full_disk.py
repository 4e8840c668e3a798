"""A disk that fills up under load: appends wait, sampling goes on, and nothing acknowledged is lost."""

import subprocess
import tempfile
import time
from pathlib import Path

import grpc
import pytest
from redis_process import RedisServer
from shard_process import ShardProcess, episode

STEPS = 2000


@pytest.fixture
def small_disk():
    """A file system of a few megabytes, and a way to enlarge it."""
    with tempfile.TemporaryDirectory(prefix="townlet-", dir="/tmp") as folder:
        mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder]
        if subprocess.run(mount, check=False, capture_output=True).returncode:
            pytest.skip("mounting a small file system needs root")
        try:
            yield Path(folder), lambda: subprocess.run(["mount", "-o", "remount,size=64m", folder], check=True)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def append_until_it_waits(shard: ShardProcess, epoch: int) -> int:
    """How many episodes were acknowledged before one was not."""
    for number in range(1000):
        try:
            shard.append(epoch, number, [episode(number, STEPS)], timeout=3)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                return number
            raise
    pytest.fail("the disk did not fill up")


def test_a_full_disk_loses_nothing_and_the_service_goes_on_when_there_is_room(small_disk, short_folder, free_port):
    disk, enlarge = small_disk
    server = RedisServer(disk)
    server.start()
    shard = ShardProcess(short_folder, server.url, free_port).start().wait_until_serving()
    try:
        epoch = shard.open()
        acknowledged = append_until_it_waits(shard, epoch)
        assert acknowledged > 10
        assert "AOF write error" in (disk / "log").read_text()
        assert shard.sample(10).windows == 10
        assert not shard.stats().redis_available
        assert shard.stats().blocked_by == "appends wait for Redis"
        server.stop()
        enlarge()
        server.start()
        deadline = time.monotonic() + 20
        while not shard.stats().redis_available:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        again = shard.append(epoch, acknowledged, [episode(acknowledged, STEPS)])
        assert again.next_sequence == acknowledged + 1
        shard.kill()
        shard.start().wait_until_serving()
        assert shard.stats().episodes == acknowledged + 1
    finally:
        shard.stop()
        shard.channel.close()
        server.stop()
