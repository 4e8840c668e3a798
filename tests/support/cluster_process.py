"""A Redis Cluster on loopback: three primaries that share the slots, and replicas on request."""

import signal
import subprocess
import time
from pathlib import Path

import redis

from townlet.launch.places import free_ports
from townlet.launch.redis_server import server_binary

SLOTS = 16384
NODE_TIMEOUT_MS = 1500


class ClusterNode:
    """One server. port: where clients find it."""

    def __init__(self, folder: Path, *, in_cluster: bool = True) -> None:
        folder.mkdir()
        self.port, self._bus = free_ports(2)
        options = {
            "port": self.port,
            "cluster-port": self._bus,
            "bind": "127.0.0.1",
            "dir": folder,
            "cluster-enabled": "yes" if in_cluster else "no",
            "cluster-node-timeout": NODE_TIMEOUT_MS,
            "cluster-replica-validity-factor": 0,
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
        }
        self._command = [
            server_binary(),
            *(str(word) for key, value in options.items() for word in (f"--{key}", value)),
        ]
        self._log = folder / "log"
        self.client = redis.Redis(port=self.port, socket_timeout=20)
        self.start()
        self.id = self.client.execute_command("CLUSTER MYID").decode() if in_cluster else ""

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        wait_until(self.answers)

    def stop(self, number: int = signal.SIGTERM) -> None:
        self._process.send_signal(number)
        self._process.wait()

    def meet(self, other: "ClusterNode") -> None:
        """Have both know each other."""
        self.client.execute_command("CLUSTER MEET", "127.0.0.1", other.port, other._bus)

    def answers(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()
        try:
            return self.client.ping()
        except redis.RedisError:
            return False


class Cluster:
    """nodes: three primaries, then the replicas."""

    def __init__(self, folder: Path, replicas_of_first: int = 0) -> None:
        self.nodes = [ClusterNode(folder / f"node-{at}") for at in range(3 + replicas_of_first)]
        first = self.nodes[0]
        for at, node in enumerate(self.nodes[:3]):
            low, high = at * SLOTS // 3, (at + 1) * SLOTS // 3 - 1
            node.client.execute_command("CLUSTER ADDSLOTSRANGE", low, high)
        for node in self.nodes[1:]:
            node.meet(first)
        wait_until(lambda: all(self._knows_all(node) for node in self.nodes))
        for node in self.nodes[3:]:
            node.client.execute_command("CLUSTER REPLICATE", first.id)
            wait_until(lambda node=node: node.client.info("replication").get("master_link_status") == "up")
        wait_until(lambda: all(state_of(node) == "ok" for node in self.nodes))

    def stop(self) -> None:
        for node in self.nodes:
            node.stop(signal.SIGKILL)
            node.client.close()

    def owner(self, slot: int) -> ClusterNode:
        """Who holds a slot at first."""
        return self.nodes[slot * 3 // SLOTS]

    def migrate(self, slot: int, source: ClusterNode, target: ClusterNode) -> None:
        """Move a slot, key by key, while others use it."""
        target.client.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", source.id)
        source.client.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", target.id)
        while keys := source.client.execute_command("CLUSTER GETKEYSINSLOT", slot, 100):
            source.client.execute_command("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
        for node in (target, source, *self.nodes):
            node.client.execute_command("CLUSTER SETSLOT", slot, "NODE", target.id)

    def _knows_all(self, node: ClusterNode) -> bool:
        slots = node.client.execute_command("CLUSTER SLOTS")
        return len(slots) == 3 and len(node.client.execute_command("CLUSTER NODES")) == len(self.nodes)


def state_of(node: ClusterNode) -> str:
    return node.client.execute_command("CLUSTER INFO")["cluster_state"]


def wait_until(happened, limit_s: float = 60.0) -> None:
    deadline = time.monotonic() + limit_s
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)
