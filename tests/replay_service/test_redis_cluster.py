"""A shard behind a Redis Cluster: its node is found, and found again, and nothing acknowledged is lost or doubled."""

import signal

import grpc
import pytest
from appending_load import Load, check
from cluster_process import SLOTS, Cluster, ClusterNode, state_of, wait_until
from shard_process import RUN, ShardProcess, episode

from replay_service.redis_cluster import nodes_of
from townlet.errors import UnavailableError

KEY = f"townlet:{{{RUN}/0}}:"
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def make(short_folder, free_port):
    """A cluster, and a shard that is told of a node which does not hold it."""
    made = []

    def make(replicas: int = 0, *overrides: str) -> tuple[Cluster, int, ShardProcess]:
        cluster = Cluster(short_folder, replicas)
        made.append(cluster.stop)
        slot = cluster.nodes[0].client.execute_command("CLUSTER KEYSLOT", KEY)
        seed = cluster.nodes[(cluster.nodes.index(cluster.owner(slot)) + 1) % 3]
        settings = ("replay.redis_cluster=true", "replay.capacity=400000", *overrides)
        shard = ShardProcess(short_folder, f"redis://127.0.0.1:{seed.port}", free_port, *settings)
        made.append(shard.stop)
        made.append(shard.channel.close)
        return cluster, slot, shard.start().wait_until_serving()

    yield make
    for end in reversed(made):
        end()


def test_a_shard_lives_on_one_node_and_comes_back_from_it(make):
    cluster, slot, shard = make()
    with Load(shard, "actor-0") as load:
        load.wait_for(20)
        shard.kill()
        shard.start().wait_until_serving()
        load.wait_for(20)
    check(shard, [load])
    keys = {node.port: node.client.dbsize() for node in cluster.nodes}
    assert [port for port, held in keys.items() if held] == [cluster.owner(slot).port]


def test_appends_wait_while_the_slot_moves_to_another_node_and_then_go_there(make):
    cluster, slot, shard = make()
    source = cluster.owner(slot)
    target = cluster.nodes[(cluster.nodes.index(source) + 1) % 3]
    with Load(shard, "actor-0") as load:
        for giver, taker in ((source, target), (target, source), (source, target)):
            load.wait_for(20)
            cluster.migrate(slot, giver, taker)
            assert shard.sample(10).windows == 10
        load.wait_for(20)
    check(shard, [load])
    shard.kill()
    shard.start().wait_until_serving()
    check(shard, [load])
    assert source.client.dbsize() == 0 < target.client.dbsize()


@pytest.mark.slow
def test_a_replica_takes_the_place_of_a_killed_primary_with_all_that_was_acknowledged(make):
    cluster, slot, shard = make(1, "replay.redis_replicas=1", "replay.redis_timeout_s=2.0")
    primary, replica = cluster.owner(slot), cluster.nodes[3]
    assert primary is cluster.nodes[0], "the one with the replica"
    with Load(shard, "actor-0") as load:
        load.wait_for(20)
        primary.stop(signal.SIGKILL)
        assert shard.sample(10).windows == 10
        wait_until(lambda: replica.client.info("replication")["role"] == "master")
        acknowledged = load.acknowledged
        primary.start()  # as the new replica: now there is one again
        load.wait_for(20)
        assert load.acknowledged > acknowledged
    check(shard, [load])
    shard.kill()
    shard.start().wait_until_serving()
    check(shard, [load])


@pytest.mark.slow
def test_without_its_replica_nothing_is_acknowledged(make):
    cluster, _, shard = make(1, "replay.redis_replicas=1")
    epoch = shard.open()
    assert shard.append(epoch, 0, [episode(0, 3)]).next_sequence == 1
    cluster.nodes[3].stop(signal.SIGKILL)
    with pytest.raises(grpc.RpcError) as waited:
        shard.append(epoch, 1, [episode(1, 3)], timeout=8)
    assert waited.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert "expected 1 replicas (replay.redis_replicas)" in shard.log.read_text()
    cluster.nodes[3].start()
    assert shard.append(epoch, 1, [episode(1, 3)], timeout=60).next_sequence == 2


@pytest.mark.parametrize(
    ("in_cluster", "setting", "reason"),
    [
        (True, "replay.redis_cluster=false", "is a node of a cluster: set replay.redis_cluster: true"),
        (False, "replay.redis_cluster=true", "expected a node of a cluster, found none"),
    ],
)
def test_the_wrong_kind_of_server_is_named(short_folder, free_port, in_cluster, setting, reason):
    node = ClusterNode(short_folder / "node", in_cluster=in_cluster)
    try:
        shard = ShardProcess(short_folder, f"redis://127.0.0.1:{node.port}", free_port, setting)
        if in_cluster:  # one that knows another for all slots
            other = ClusterNode(short_folder / "other")
            other.client.execute_command("CLUSTER ADDSLOTSRANGE", 0, SLOTS - 1)
            node.meet(other)
            wait_until(lambda: state_of(node) == "ok")
        assert shard.start().process.wait(60) == 1
        assert reason in shard.log.read_text()
        shard.channel.close()
    finally:
        node.stop(signal.SIGKILL)
        if in_cluster:
            other.stop(signal.SIGKILL)


def test_of_an_answer_to_cluster_slots_the_primary_of_the_slot_comes_first():
    slots = [
        [0, 99, [b"10.0.0.1", 7000, b"id"], [b"10.0.0.4", 7000, b"id"]],
        [100, 16383, [b"", 7001, b"id"], [None, 7005, b"id"], [b"10.0.0.1", 7000, b"id"]],
    ]
    asked = ("redis.example", 7001)
    others = [("10.0.0.1", 7000), ("10.0.0.4", 7000)]
    assert nodes_of(slots, asked, 99) == [*others, ("redis.example", 7001), ("redis.example", 7005)]
    assert nodes_of(slots, asked, 100) == [("redis.example", 7001), *others, ("redis.example", 7005)]
    with pytest.raises(UnavailableError, match=r"redis\.example:7001 knows nobody for slot 100"):
        nodes_of(slots[:1], asked, 100)
