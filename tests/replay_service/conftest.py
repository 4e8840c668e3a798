"""A shard in front of a real server."""

import pytest
from shard_process import ShardProcess


@pytest.fixture
def make_shard(short_folder, redis_server, free_port):
    """Starts a shard with overrides."""
    shards = []

    def make(*overrides: str) -> ShardProcess:
        shard = ShardProcess(short_folder, redis_server.url, free_port, *overrides)
        shards.append(shard)
        return shard.start().wait_until_serving()

    yield make
    for shard in shards:
        shard.kill()  # a stop waits a moment for the learner's last version
        shard.channel.close()
