"""`townlet up`: starts a whole run on this machine, shows how it goes, restarts what dies, stops it in order."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, repeat

from townlet.config import Config
from townlet.config_changes import changes
from townlet.config_file import dump_config, load_config
from townlet.errors import ConfigError, MismatchError, TownletError
from townlet.heap import reuse_memory
from townlet.launch.learner_news import LearnerNews
from townlet.launch.places import place
from townlet.launch.progress import Progress
from townlet.launch.redis_server import server_command, server_url
from townlet.launch.run_lock import run_lock
from townlet.launch.status_client import StatusClient
from townlet.launch.supervisor import Child, Death, Supervisor, python_module
from townlet.run_folder import RunFolder, write_whole
from townlet.settings import ANY_PORT
from townlet.tokens import LAUNCHER_VARIABLE, new_token, sha256_of, tokens_for

POLL_S = 0.25
FULL_DISK_BYTES = 2**20
"""With less room than this, a death is told together with the full disk, which is the likely reason."""

CHILDREN_GET = {"GRPC_VERBOSITY": "ERROR"}
"""Unless our own environment says otherwise: gRPC would write a line for each handshake that fails, and so let anybody
fill the logs."""

ONE_WISH_S = 0.5
STARTUP_DEATHS = 3
"""A process that dies this often before the first environment step ends the run: something is wrong from the start."""


class Signals:
    """SIGINT and SIGTERM: the first asks for an orderly stop, a second one for an end at once.

    What arrives within a moment of the first is the same wish: `timeout`, for one, signals a process and its group.
    """

    def __init__(self) -> None:
        self.count = 0
        self._noted_s = -ONE_WISH_S

    @contextmanager
    def caught(self) -> Iterator["Signals"]:
        """Count signals instead of dying of them."""
        before = {number: signal.signal(number, self._note) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _note(self, *_: object) -> None:
        now_s = time.monotonic()
        if now_s - self._noted_s >= ONE_WISH_S:
            self.count += 1
            self._noted_s = now_s


def up(config: Config, progress: Progress, fallback: bool = False) -> int:
    """Run until the goal, the last update or a signal; the exit code. Raises TownletError when the run cannot go on.

    fallback: the learner passes over versions that are damaged.
    """
    reuse_memory()  # gRPC takes a thread for each call, and each thread may take to another heap
    folder = RunFolder(config.run.folder)
    with run_lock(folder, progress.note) as lock, Signals().caught() as signals:
        tokens_for(config.security.tokens, {})  # what is wrong with them is told at once
        config = place(config, folder)
        _write_config(config, folder)
        token = new_token()
        supervisor = Supervisor(lock, {**CHILDREN_GET, **os.environ, LAUNCHER_VARIABLE: sha256_of(token)})
        status_client = StatusClient(config.learner.address, config.security.tls, token)
        try:
            news = LearnerNews(folder.logs / "learner.log")
            for child in children(config, folder, fallback):
                supervisor.start(child)
            with progress.showing(config, folder):
                _watch(supervisor, status_client, progress, signals, news)
        finally:
            supervisor.stop(hurry=lambda: signals.count > 1)
            status_client.close()
    progress.conclude(folder)
    return 0


def children(config: Config, folder: RunFolder, fallback: bool = False) -> list[Child]:
    """Every process of the run, in the order of their start.

    The learner is stopped first, which makes a last version with all the others; then they go along the flow of data.
    """
    processes = []
    metrics = _metrics_options(config.metrics.address)
    if config.replay.redis_url == server_url(folder.redis):
        folder.redis.mkdir(parents=True, exist_ok=True)
        command = python_module("townlet.launch.exec_child", *server_command(folder.redis, config.replay.durability))
        processes.append(Child("redis", command, folder.logs / "redis.log", stop_rank=3))

    def service(name: str, module: str, stop_rank: int, *options: str) -> None:
        command = python_module(module, str(folder.config), *options, *next(metrics))
        may_leave = module == "actor" and config.schedule.kind == "async"
        processes.append(Child(name, command, folder.logs / f"{name}.log", stop_rank, may_leave))

    for shard in range(len(config.replay.addresses)):
        service(f"replay-{shard}", "replay_service", 2, "--index", str(shard))
    service("learner", "learner", 0, *(["--fallback"] if fallback else []))
    for index in range(config.actor.count):
        service(f"actor-{index}", "actor", 1, "--index", str(index))
    if config.evaluation.enabled:
        service("evaluator", "actor", 1, "--evaluate")
    return processes


def _metrics_options(address: str | None) -> Iterator[list[str]]:
    """For one process after the other: each has to show its metrics at a port of its own."""
    host, _, first = (address or "").rpartition(":")
    if not first or int(first) == ANY_PORT:
        return repeat([])
    return (["--set", f"metrics.address={host}:{port}"] for port in count(int(first)))


def _watch(
    supervisor: Supervisor, status_client: StatusClient, progress: Progress, signals: Signals, news: LearnerNews
) -> None:
    """Until the learner has finished or a signal comes."""
    deaths: dict[str, int] = {}
    while not signals.count:
        status = status_client.status()
        progress.update(status)
        for line in news.lines():
            progress.note(line)
        if status is not None and status.environment_steps:
            deaths.clear()  # from now on whatever dies is worth a restart
            deaths["running"] = 0
        for death in supervisor.poll():
            if death.child.name == "learner" and death.exit_code == 0:
                return
            if death.for_good:
                progress.note(f"{death.child.name} has left")
                continue
            deaths[death.child.name] = deaths.get(death.child.name, 0) + 1
            if death.exit_code == ConfigError.exit_code or (
                "running" not in deaths and deaths[death.child.name] >= STARTUP_DEATHS
            ):
                raise TownletError(f"{_describe(death)}; see {death.child.log}")
            progress.note(f"{_describe(death)}; starting it again")
        time.sleep(POLL_S)


def _describe(death: Death) -> str:
    if death.exit_code < 0:
        return f"{death.child.name} ended (killed by {signal.Signals(-death.exit_code).name})"
    reason = f": {death.reason}" if death.reason else ""
    free = shutil.disk_usage(death.child.log.parent).free
    if free < FULL_DISK_BYTES:
        reason += f" (the disk of {death.child.log.parent} is full: {free} bytes free; make room)"
    return f"{death.child.name} ended (exit code {death.exit_code}){reason}"


def _write_config(config: Config, folder: RunFolder) -> None:
    """Keep the configuration in the run's folder. Raises MismatchError when it has changed in what may not change."""
    if folder.config.exists():
        found = changes(load_config(folder.config), config)
        if faults := [str(change) for change in found if not change.allowed]:
            raise MismatchError(
                f"{folder.path}: the run cannot go on with another configuration: {'; '.join(faults)} (what may "
                "change is in docs/versions.md); choose another --run, or leave it as it was"
            )
    write_whole(folder.config, dump_config(config).encode())
