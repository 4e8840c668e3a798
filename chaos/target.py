"""The run that is attacked: real processes, started by `townlet up`, found and killed without asking anybody."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import grpc

from chaos.plan import ACTORS, REDIS, SHARDS
from protos import replay_pb2, replay_pb2_grpc
from protos.admin_pb2 import StatusResponse
from townlet.checkpoint.store import VersionStore
from townlet.config import Config
from townlet.config_file import load_config
from townlet.errors import ConfigError, UnavailableError
from townlet.failpoints import ORDERS_VARIABLE
from townlet.launch.parent import PARENT_VARIABLE
from townlet.launch.status_client import StatusClient
from townlet.rpc import call, open_channel
from townlet.run_folder import RunFolder

CONFIG = Path(__file__).parents[1] / "configs" / "L0_minimal.yaml"
NAME = "r"
STOP_LIMIT_S = 90.0
SETTINGS = (
    *("evaluation.enabled=false", "evaluation.goal=null", "world.step_cap=40"),
    *(f"actor.count={ACTORS}", "actor.lanes=1"),
    *(f"replay.addresses={['127.0.0.1:0'] * SHARDS}", "replay.capacity=4000000", "replay.min_size_to_sample=200"),
    *("replay.samples_per_insert=4", "replay.redis_timeout_s=5", "learner.save_period_s=1"),
    *("checkpoint.period_s=2", "checkpoint.keep={last: 2}"),
    *("checkpoint.cut_limit_s=10", "checkpoint.write_limit_s=20"),
)
"""A small run that makes a version every few seconds; its replay drops nothing before a round is over."""


class Target:
    """One run below `root`, through all the lives of its `townlet up`. settings: overrides of `config`."""

    def __init__(self, root: Path, config: Path = CONFIG, settings: Sequence[str] = SETTINGS) -> None:
        self.folder = RunFolder(root / NAME)
        self.orders = root / "orders"
        self.orders.mkdir(parents=True)
        self._output = root / "output"
        self._command = [str(Path(sys.executable).parent / "townlet"), "up", str(config)]
        self._command += [word for each in (f"run.root={root}", *settings) for word in ("--set", each)]
        self._command += ["--run", NAME]
        self._process: subprocess.Popen[bytes] | None = None
        self._read: tuple[int, Config] | None = None

    @property
    def store(self) -> VersionStore:
        return VersionStore(self.folder.versions)

    @property
    def config(self) -> Config:
        """As it runs now, addresses included. Raises ConfigError before the first start."""
        try:
            changed = self.folder.config.stat().st_mtime_ns
        except FileNotFoundError:
            raise ConfigError(f"{self.folder.config}: expected a configuration, found no such file") from None
        if self._read is None or self._read[0] != changed:
            self._read = changed, load_config(self.folder.config)
        return self._read[1]

    def start(self) -> None:
        """`townlet up`."""
        environment = {**os.environ, ORDERS_VARIABLE: str(self.orders)}
        environment.pop(PARENT_VARIABLE, None)
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(self._command, stdout=output, stderr=output, env=environment)

    def wait_for_config(self, limit_s: float) -> None:
        """Until the first `townlet up` has chosen its addresses. Raises UnavailableError."""
        until_s = time.monotonic() + limit_s
        while not self.folder.config.exists():
            if self.ended() or time.monotonic() > until_s:
                raise UnavailableError(f"{self.folder.path}: the run did not start: {self.ended()}")
            time.sleep(0.1)

    def end(self) -> None:
        """Kill whatever lives, if anything does."""
        if self._process is not None and self._process.poll() is None:
            self.kill_everything()

    def ended(self) -> str:
        """Its last words, if `townlet up` has ended by itself."""
        if self._process is None or self._process.poll() is None:
            return ""
        return self._output.read_text()[-500:].strip() or "without a word"

    @property
    def pid(self) -> int:
        """Of `townlet up`."""
        assert self._process is not None
        return self._process.pid

    def members(self) -> dict[str, int]:
        """PID of each member that lives."""
        if self._process is None:
            return {}
        parent = self.pid
        try:
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        except OSError:
            return {}
        return {name: int(pid) for pid in children if (name := _member(pid))}

    def kill(self, member: str) -> int | None:
        """kill -9; its PID, None when it does not live."""
        pid = self.members().get(member)
        return pid if pid is not None and _kill(pid) else None

    def kill_up(self) -> None:
        """kill -9 of `townlet up` alone: whatever the others do without it."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def kill_everything(self) -> int:
        """As when the machine dies; how many processes that were."""
        pids = self.members().values()
        killed = sum(_kill(pid) for pid in pids)
        self.kill_up()
        return killed + 1

    def stop(self) -> int | None:
        """SIGTERM; the exit code, None when it did not end in time."""
        assert self._process is not None
        self._process.terminate()
        try:
            return self._process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            return None

    def shards(self) -> list[replay_pb2.StatsResponse]:
        """How each of them says it is. Raises UnavailableError when one does not answer."""
        answers = []
        for address in self.config.replay.addresses:
            with open_channel(address, self.config.security.tls) as channel:
                stats = replay_pb2_grpc.ReplayServiceStub(channel).Stats
                answers.append(call(stats, replay_pb2.StatsRequest(), peer=address))
        return answers

    def shards_answer(self) -> bool:
        """Whether each of them says how it is."""
        try:
            self.shards()
        except UnavailableError:
            return False
        return True

    def status(self) -> StatusResponse | None:
        """The learner's account; None while it does not answer."""
        try:
            client = StatusClient(self.config.learner.address)
        except ConfigError:
            return None
        try:
            return client.status()
        except grpc.RpcError:
            return None
        finally:
            client.close()


def _kill(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def _member(pid: str) -> str:
    """Who a child of `townlet up` is; empty when it is dead."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return ""
    if not words[0]:
        return ""  # a zombie has no command
    if "-m" not in words:
        return REDIS
    module = words[words.index("-m") + 1]
    if "--evaluate" in words:
        return "evaluator"
    index = words[words.index("--index") + 1] if "--index" in words else ""
    return {"learner": "learner", "replay_service": f"replay-{index}", "actor": f"actor-{index}"}.get(module, REDIS)
