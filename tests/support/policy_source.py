"""Policies as a learner serves them, from a server in this process; and relays as processes."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from protos import policy_pb2
from townlet.config_file import dump_config, load_config
from townlet.policy_service import SERVICE, PolicyFeeds, PolicyServicer
from townlet.rpc import LoopThread, Server

RUN = "test"
CONFIG = Path(__file__).parents[2] / "configs" / "three_meter.yaml"
ONLINE, AVERAGED = policy_pb2.WEIGHTS_ONLINE, policy_pb2.WEIGHTS_AVERAGED


def message(version: int, weights: bytes = b"w") -> bytes:
    """A policy as it travels."""
    return policy_pb2.SubscribeResponse(policy=policy_pb2.Policy(version=version, weights=weights)).SerializeToString()


class PolicySource:
    """A server on a port. acknowledged: what it was told, call by call."""

    def __init__(self, port: int) -> None:
        self.address = f"127.0.0.1:{port}"
        self.acknowledged: list[dict[str, int]] = []

    def __enter__(self) -> "PolicySource":
        self._loop = LoopThread("source").__enter__()
        self._loop.run(self._start())
        return self

    def __exit__(self, *exception: object) -> None:
        self._loop.run(self._server.stop())
        self._loop.__exit__(*exception)

    def publish(self, version: int, weights: bytes = b"w") -> None:
        self._loop.soon(lambda: self.feeds.online.publish(message(version, weights)))
        self._loop.soon(lambda: self.feeds.averaged.publish(message(version, b"averaged " + weights)))

    async def _start(self) -> None:
        self.feeds = PolicyFeeds()
        self._server = Server(None)
        servicer = PolicyServicer(RUN, self.feeds, lambda versions: self.acknowledged.append(dict(versions)))
        servicer.add_to(self._server.grpc_server)
        await self._server.start(self.address, (SERVICE,))
        self.port = self._server.port


class RelayProcess:
    """`python -m relay` on a port that stays the same over restarts. follows: the address of what it follows."""

    def __init__(self, folder: Path, port: int, follows: str, *, relay: bool = False, run: str = RUN) -> None:
        self.address = f"127.0.0.1:{port}"
        self.log = folder / f"relay-{port}.log"
        self._config = folder / f"relay-{port}.yaml"
        upstream = "relay.policies_from" if relay else "learner.address"
        settings = [f"run.name={run}", f"relay.address={self.address}", f"{upstream}={follows}"]
        self._config.write_text(dump_config(load_config(CONFIG, settings)))
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "RelayProcess":
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "relay", str(self._config)], stdout=log, stderr=log)
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)

    def wait_until_serving(self) -> "RelayProcess":
        deadline = time.monotonic() + 60
        with grpc.insecure_channel(self.address) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            while True:
                assert time.monotonic() < deadline, self.log.read_text()
                try:
                    answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=1.0)
                except grpc.RpcError:
                    assert self.process.poll() is None, self.log.read_text()
                    time.sleep(0.05)
                else:
                    if answer.status == health_pb2.HealthCheckResponse.SERVING:
                        return self
