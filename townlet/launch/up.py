"""`townlet up`: starts a whole run on this machine, shows how it goes, restarts what dies, stops it in order."""

import fcntl
import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from townlet.config import ANY_PORT, Config
from townlet.config_file import dump_config, load_config
from townlet.errors import ConfigError, MismatchError, TownletError, UnavailableError
from townlet.launch.progress import Progress
from townlet.launch.redis_server import server_command, server_url
from townlet.launch.status_client import StatusClient
from townlet.launch.supervisor import Child, Death, Supervisor, python_module
from townlet.run_folder import RunFolder, write_whole

POLL_S = 0.25
FULL_DISK_BYTES = 2**20
"""With less room than this, a death is told together with the full disk, which is the likely reason."""

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


def up(config: Config, progress: Progress) -> int:
    """Run until the goal, the last update or a signal; the exit code. Raises TownletError when the run cannot go on."""
    folder = RunFolder(config.run.folder)
    with _locked(folder), Signals().caught() as signals:
        config = place(config, folder)
        _write_config(config, folder)
        supervisor = Supervisor()
        status_client = StatusClient(config.learner.address)
        try:
            for child in children(config, folder):
                supervisor.start(child)
            with progress.showing(config, folder):
                _watch(supervisor, status_client, progress, signals)
        finally:
            supervisor.stop(hurry=lambda: signals.count > 1)
            status_client.close()
    progress.conclude(folder)
    return 0


def children(config: Config, folder: RunFolder) -> list[Child]:
    """Every process of the run, in the order of their start.

    The learner is stopped first, which makes a last version with all the others; then they go along the flow of data.
    """
    processes = []
    if config.replay.redis_url == server_url(folder.redis):
        folder.redis.mkdir(parents=True, exist_ok=True)
        command = python_module("townlet.launch.exec_child", *server_command(folder.redis, config.replay.durability))
        processes.append(Child("redis", command, folder.logs / "redis.log", stop_rank=3))

    def service(name: str, module: str, stop_rank: int, *options: str) -> None:
        command = python_module(module, str(folder.config), *options)
        processes.append(Child(name, command, folder.logs / f"{name}.log", stop_rank))

    for shard in range(len(config.replay.addresses)):
        service(f"replay-{shard}", "replay_service", 2, "--index", str(shard))
    service("learner", "learner", 0)
    for index in range(config.actor.count):
        service(f"actor-{index}", "actor", 1, "--index", str(index))
    if config.evaluation.enabled:
        service("evaluator", "actor", 1, "--evaluate")
    return processes


def place(config: Config, folder: RunFolder) -> Config:
    """The configuration with a free port wherever any will do, and with the embedded Redis where none is named."""
    addresses = tuple(_with_port(address) for address in config.replay.addresses)
    replay = {"addresses": addresses, "redis_url": config.replay.redis_url or server_url(folder.redis)}
    return config.model_copy(
        update={
            "replay": config.replay.model_copy(update=replay),
            "learner": config.learner.model_copy(update={"address": _with_port(config.learner.address)}),
        }
    )


def _watch(supervisor: Supervisor, status_client: StatusClient, progress: Progress, signals: Signals) -> None:
    """Until the learner has finished or a signal comes."""
    deaths: dict[str, int] = {}
    while not signals.count:
        status = status_client.status()
        progress.update(status)
        if status is not None and status.environment_steps:
            deaths.clear()  # from now on whatever dies is worth a restart
            deaths["running"] = 0
        for death in supervisor.poll():
            if death.child.name == "learner" and death.exit_code == 0:
                return
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


def _with_port(address: str) -> str:
    host, _, port = address.rpartition(":")
    if int(port) != ANY_PORT:
        return address
    with socket.socket() as probe:
        probe.bind((host, ANY_PORT))
        return f"{host}:{probe.getsockname()[1]}"


def _write_config(config: Config, folder: RunFolder) -> None:
    """Keep the configuration in the run's folder. Raises MismatchError when the folder holds another run's."""
    if folder.config.exists():
        before = load_config(folder.config)
        if before.digest() != config.digest():
            raise MismatchError(
                f"{folder.path}: expected a run of this configuration ({config.digest()}), found one of "
                f"{before.digest()}; choose another --run, or leave the configuration as it was"
            )
    write_whole(folder.config, dump_config(config).encode())


@contextmanager
def _locked(folder: RunFolder) -> Iterator[None]:
    """Nobody else runs in this folder. Raises UnavailableError when somebody does."""
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
        file = os.open(folder.path / ".lock", os.O_CREAT | os.O_RDWR, 0o644)
    except OSError as error:
        raise UnavailableError(f"{folder.path}: cannot write the run's folder: {error.strerror}") from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise UnavailableError(
            f"{folder.path}: another `townlet up` runs in this folder; choose another --run"
        ) from None
    finally:
        os.close(file)
