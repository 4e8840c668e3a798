"""A run of real processes in which every edge of the ring leads through a proxy, and clients that check all answers."""

import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from fault_proxy import FaultProxy
from redis_process import RedisServer

from chaos.client import RecordingClient
from chaos.connection import Connection, Shard
from chaos.episodes import KnownEpisodes
from chaos.held import ShardInRedis
from chaos.model import Client, ShardModel
from townlet.config_file import dump_config, load_config
from townlet.launch.redis_server import socket_path
from townlet.launch.status_client import StatusClient
from townlet.records import RecordLayout
from townlet.worlds.build import world_spec

CONFIG = Path(__file__).parents[2] / "configs" / "L0_minimal.yaml"
NAME = "r"
SETTINGS = (
    *("evaluation.enabled=false", "evaluation.goal=null", "world.step_cap=40", "actor.count=1", "actor.lanes=2"),
    *("replay.capacity=2000000", "replay.min_size_to_sample=100", "replay.samples_per_insert=4"),
    *("replay.redis_timeout_s=5", "checkpoint.period_s=5", "checkpoint.keep={last: 2}"),
    *("checkpoint.cut_limit_s=10", "checkpoint.write_limit_s=20"),
)
EDGES = ("actor-replay", "actor-learner", "learner-replay", "replay-redis", "admin-learner")
CLIENTS = 2
PROGRESS_LIMIT_S = 240.0
"""Generous: that somebody hangs is the failure, not that a busy machine is slow."""


class FaultyRun:
    """One shard, one actor, one learner and Redis. Use as a context manager: it gets on when that is entered.

    faults: of every edge, as FaultProxy takes them. proxies: by edge.
    """

    def __init__(self, folder: Path, ports: tuple[int, int], **faults: float) -> None:
        self._folder = folder
        self._learner, self._shard = (f"127.0.0.1:{port}" for port in ports)
        self._redis = RedisServer(folder)
        targets = {
            "actor-replay": self._shard,
            "actor-learner": self._learner,
            "learner-replay": self._shard,
            "replay-redis": str(socket_path(folder)),
            "admin-learner": self._learner,
        }
        self.proxies = {
            edge: FaultProxy(target, seed=at, **faults) for at, (edge, target) in enumerate(targets.items())
        }
        self._config = folder / "config.yaml"
        settings = [*SETTINGS, f"run.root={folder}", f"run.name={NAME}", f"replay.redis_url={self._redis.url}"]
        self.config = load_config(CONFIG, [*settings, *self._places(self._learner, self._shard)])
        self.wrong: list[str] = []
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._stack, self._working = ExitStack(), ExitStack()

    def __enter__(self) -> "FaultyRun":
        with ExitStack() as stack:
            self._config.write_text(dump_config(self.config))
            self._redis.start()
            stack.callback(self._redis.stop)
            for proxy in self.proxies.values():
                stack.enter_context(proxy)
            stack.callback(self._end)
            redis_url = f"redis://{self.proxies['replay-redis'].address}"
            self._start("replay_service", self._learner, self._shard, f"replay.redis_url={redis_url}")
            self._start("learner", self._learner, self.proxies["learner-replay"].address)
            self._start("actor", self.proxies["actor-learner"].address, self.proxies["actor-replay"].address)
            self._enter_clients(stack)
            self.get_on("the start")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def figures(self) -> dict[str, int] | None:
        """What has been done so far; None while the learner does not answer."""
        client = StatusClient(self.proxies["admin-learner"].address)
        try:
            status = client.status()
        finally:
            client.close()
        if status is None:
            return None
        clients = {f"client {name}": client.acknowledged for name, client in self._model.clients.items()}
        return {"updates": status.updates, "environment steps": status.environment_steps, **clients}

    def get_on(self, after: str) -> float:
        """Wait until everybody has done something since now; the seconds it took."""
        began_s, before, still = time.monotonic(), None, ["everybody"]
        while still:
            assert time.monotonic() - began_s < PROGRESS_LIMIT_S, (
                f"after {after} these stand still: {still}\n{self.logs()}"
            )
            for name, process in self._processes.items():
                assert process.poll() is None, f"after {after} {name} had ended\n{self.logs()}"
            now = self.figures()
            before = before or now
            if now is not None and before is not None:
                still = [name for name, figure in now.items() if figure <= before[name]]
            time.sleep(0.2)
        return time.monotonic() - began_s

    def check(self) -> int:
        """Nothing acknowledged is lost or doubled, and no answer was wrong; how many episodes were acknowledged."""
        self._working.close()
        stored = ShardInRedis(self._redis.url, NAME, 0)
        self._processes["actor"].terminate()
        self._processes["actor"].wait(60)
        held = list(stored.episodes())
        assert not [*stored.check(held), *self._model.check(held), *self.wrong]
        stored.close()
        return self._model.acknowledged

    def log(self, service: str) -> str:
        return (self._folder / f"{service}.log").read_text()

    def logs(self) -> str:
        return "\n".join(f"{name}:\n{self.log(name)[-2_000:]}" for name in self._processes)

    def _places(self, learner: str, shard: str) -> list[str]:
        return [f"learner.address={learner}", f"replay.addresses=['{shard}']"]

    def _start(self, module: str, learner: str, shard: str, *settings: str) -> None:
        options = [word for each in (*self._places(learner, shard), *settings) for word in ("--set", each)]
        command = [sys.executable, "-m", module, str(self._config), *options]
        with (self._folder / f"{module}.log").open("wb") as log:
            self._processes[module] = subprocess.Popen(command, stdout=log, stderr=log)

    def _enter_clients(self, stack: ExitStack) -> None:
        known = KnownEpisodes(RecordLayout.of(world_spec(self.config), self.config.memory))
        place = Shard(lambda: self.proxies["actor-replay"].address, NAME, known.layout)
        self._model = ShardModel([Client(f"chaos-{at}") for at in range(CLIENTS)], known)
        clients = [
            RecordingClient(
                did, Connection(place, actor, self._folder / f"{actor}.jsonl"), known, (at + 1) << 24, actor, self._note
            )
            for at, (actor, did) in enumerate(self._model.clients.items())
        ]
        for client in clients:
            self._working.enter_context(client)
        stack.callback(self._working.close)

    def _note(self, violation: object) -> None:
        self.wrong.append(str(violation))

    def _end(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()
