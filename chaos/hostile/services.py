"""A shard and a learner in this process, with their real servicers and servers, a real Redis, and a version."""

import asyncio
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import redis
import torch
from grpc.aio._server import Server as AioServer  # the one that is no interface

import replay_service.__main__ as shard_main
from learner.build import build_curiosity, build_loss
from learner.front import Front
from learner.meter import Meter
from learner.pause import Pause
from learner.service import LearnerService
from learner.state import capture
from learner.update import QLearning
from replay_service.redis_access import RedisAccess
from townlet.checkpoint.store import VersionStore
from townlet.config import Config
from townlet.config_file import load_config
from townlet.door import Door
from townlet.guard import Guard
from townlet.launch.places import place
from townlet.launch.redis_server import server_command, server_url
from townlet.networks.build import build_network
from townlet.records import RecordLayout
from townlet.rpc import Server
from townlet.run_folder import RunFolder
from townlet.worlds.build import world_spec

CONFIGS = Path(__file__).parents[2] / "configs"
NAME = "r"
SETTINGS = (
    *("evaluation.enabled=false", "evaluation.goal=null", "world.step_cap=40", "network.hidden=[8]"),
    *("replay.capacity=2000", "replay.min_size_to_sample=1", "replay.samples_per_insert=null"),
    *("checkpoint.period_s=null", "checkpoint.keep={last: 3}", "checkpoint.cut_limit_s=0.3"),
    *("checkpoint.write_limit_s=5", "actor.count=1", "actor.lanes=1"),
)
SCHEDULES = {"async": "{kind: async}", "lockstep": "{kind: lockstep, updates_per_round: 1}"}
START_LIMIT_S = 60.0


@dataclass
class Served:
    """One server. handlers: of each RPC, by its path; as they are behind the interceptors."""

    loop: asyncio.AbstractEventLoop
    port: int = 0
    handlers: dict[str, Any] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.port}"


@contextmanager
def _recorded(found: list[Served]) -> Iterator[None]:
    """Meanwhile every server of ours that becomes ready is noted, with all that was added to it."""
    add, set_serving = AioServer.add_generic_rpc_handlers, Server.set_serving
    added: dict[int, list[Any]] = {}

    def add_and_note(server: Any, handlers: Any) -> None:
        add(server, handlers)
        added.setdefault(id(server), []).extend(handlers)  # grpc has no other list of what a server serves

    async def set_and_note(server: Any, serving: bool) -> None:
        await set_serving(server, serving)
        if not serving or any(each.port == server.port for each in found):
            return
        served, door = Served(asyncio.get_running_loop(), server.port), Door(Guard(None))
        for handlers in [*added[id(server._server)], *server.grpc_server.added]:
            for path, handler in getattr(handlers, "_method_handlers", {}).items():
                if path not in served.handlers:  # of several, the one that was added first answers
                    served.handlers[path] = await door.intercept_service(_found(handler), mock.Mock(method=path))
        found.append(served)

    with (
        mock.patch.object(AioServer, "add_generic_rpc_handlers", add_and_note),
        mock.patch.object(Server, "set_serving", set_and_note),
    ):
        yield


def _found(handler: Any) -> Any:
    async def continuation(_: object) -> Any:
        return handler

    return continuation


class Silent:
    """Curves that nobody looks at."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        """Nothing."""


@dataclass
class Services:
    """What is fired at. failures: how a service ended, if one did."""

    config: Config
    layout: RecordLayout
    shard: Served
    learner: Served
    stop: threading.Event
    failures: list[str]


@contextmanager
def services(folder: Path, schedule: str) -> Iterator[Services]:
    """Both of them, with their files in `folder`, whose path is short. schedule: one of SCHEDULES."""
    run = RunFolder(folder / NAME)
    run.redis.mkdir(parents=True)
    chosen = [
        *SETTINGS,
        f"run.root={folder}",
        f"run.name={NAME}",
        f"replay.redis_url={server_url(run.redis)}",
        f"schedule={SCHEDULES[schedule]}",
    ]
    config = place(load_config(CONFIGS / "L0_minimal.yaml", chosen), run)
    found: list[Served] = []
    failures: list[str] = []
    with ExitStack() as stack, _recorded(found):
        _start_redis(config, run, stack)
        _start_shard(config, stack, failures)
        _wait_for(found, 1, failures)
        layout = RecordLayout.of(world_spec(config), config.memory)
        stop = _start_learner(config, layout, run, stack, failures)
        _wait_for(found, 2, failures)
        yield Services(config, layout, found[0], found[1], stop, failures)


def _start_redis(config: Config, run: RunFolder, stack: ExitStack) -> None:
    log = stack.enter_context((run.path / "redis.log").open("wb"))
    process = subprocess.Popen(server_command(run.redis, config.replay.durability), stdout=log, stderr=log)
    stack.callback(process.wait)
    stack.callback(process.kill)
    with redis.Redis.from_url(str(config.replay.redis_url)) as client:
        until_s = time.monotonic() + START_LIMIT_S
        while True:
            try:
                client.ping()
                return
            except redis.RedisError:
                if time.monotonic() > until_s:
                    raise
                time.sleep(0.05)


def _start_shard(config: Config, stack: ExitStack, failures: list[str]) -> None:
    stop = threading.Event()

    def serve() -> None:
        try:
            asyncio.run(shard_main.serve(config, RedisAccess(str(config.replay.redis_url)), 0, stop))
        except BaseException as error:
            failures.append(f"the shard ended: {type(error).__name__}: {error}")
        else:
            if not stop.is_set():
                failures.append("the shard ended")

    thread = threading.Thread(target=serve, name="shard")
    thread.start()
    stack.callback(thread.join)
    stack.callback(stop.set)


def _start_learner(
    config: Config, layout: RecordLayout, run: RunFolder, stack: ExitStack, failures: list[str]
) -> threading.Event:
    """The services of a learner that trains nothing, but stands still whenever a version wants it to."""
    spec, stop, ended = world_spec(config), threading.Event(), threading.Event()
    pause = Pause(ended)
    curiosity = build_curiosity(config, spec, torch.device("cpu"))
    learning = QLearning(build_network(config.network, spec), config.learner, build_loss(config), curiosity)
    store = VersionStore(config.checkpoint.root or run.versions)
    front = stack.enter_context(Front(config.learner.address))
    service = LearnerService(front, config, layout.digest, learning, Meter(), Silent(), None, stop, store, pause)
    draws = np.random.Generator(np.random.Philox(1))
    service.__enter__()
    stack.callback(_end, service, failures)
    service.publish(learning)

    def train() -> None:
        while not ended.wait(0.002):
            pause.between_updates(lambda: capture(learning, draws, service.books()))

    thread = threading.Thread(target=train, name="training")
    thread.start()
    stack.callback(thread.join)
    stack.callback(ended.set)
    return stop


def _end(service: LearnerService, failures: list[str]) -> None:
    try:
        service.__exit__()
    except Exception as error:
        failures.append(f"the learner could not end: {type(error).__name__}: {error}")


def _wait_for(found: list[Served], count: int, failures: list[str]) -> None:
    until_s = time.monotonic() + START_LIMIT_S
    while len(found) < count:
        if failures or time.monotonic() > until_s:
            raise RuntimeError(f"{count - len(found)} servers did not start: {failures}")
        time.sleep(0.01)
