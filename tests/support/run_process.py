"""`townlet up` as a process of its own, as a user starts it without a terminal."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from townlet.config_file import load_config
from townlet.launch.status_client import StatusClient
from townlet.run_folder import RunFolder

CONFIGS = Path(__file__).parents[2] / "configs"
TOWNLET = str(Path(sys.executable).parent / "townlet")


class RunProcess:
    """One run in a folder of its own. output: what the user has seen so far. token: to ask its learner with."""

    def __init__(
        self, root: Path, config: str, *overrides: str, options: tuple[str, ...] = (), cwd: Path | None = None
    ) -> None:
        root.mkdir(exist_ok=True)
        self.folder = RunFolder(root / "r")
        settings = [f"run.root={root}", "run.name=r", *overrides]
        set_all = [word for setting in settings for word in ("--set", setting)]
        self._output = root / "output"
        self._command = [TOWNLET, "up", str(CONFIGS / config), *set_all, *options]
        self._cwd = cwd
        self.token = ""
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def output(self) -> str:
        return self._output.read_text()

    def start(self) -> "RunProcess":
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(self._command, stdout=output, stderr=output, cwd=self._cwd)
        return self

    def __enter__(self) -> "RunProcess":
        return self.start()

    def __exit__(self, *exception: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def wait(self, timeout_s: float) -> int:
        return self.process.wait(timeout_s)

    def wait_for(self, what: str, happened: Callable[[], object], timeout_s: float = 90.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not happened():
            assert self.process.poll() is None, f"the run ended before {what}\n{self.output}"
            assert time.monotonic() < deadline, f"no {what} within {timeout_s} s\n{self.output}"
            time.sleep(0.1)

    def wait_for_output(self, pattern: str, timeout_s: float = 90.0) -> None:
        self.wait_for(f"output like {pattern!r}", lambda: re.search(pattern, self.output), timeout_s)

    def pids(self, module: str) -> list[int]:
        """Processes of this run that run a module, such as "learner", or the embedded server ("redis")."""
        mark = str(self.folder.redis.resolve()) if module == "redis" else str(self.folder.config)
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                command = path.read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            if any(mark in word for word in command) and (module == "redis" or module in command):
                found.append(int(path.parent.name))
        return found

    def kill(self, module: str) -> None:
        """kill -9 of every process that runs a module, as soon as there is one."""
        self.wait_for(f"process {module}", lambda: self.pids(module))
        for pid in self.pids(module):
            os.kill(pid, signal.SIGKILL)

    def kill_everything(self) -> None:
        """As when the machine dies."""
        for module in ("actor", "learner", "replay_service", "redis"):
            for pid in self.pids(module):
                os.kill(pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()

    def log(self, member: str) -> list[dict[str, object]]:
        """What a member has logged."""
        path = self.folder.logs / f"{member}.log"
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line) for line in lines if line.startswith("{")]

    def account(self):
        """What `status` says, once the learner answers."""
        said = []
        self.wait_for("an account of the learner", lambda: said.append(self.status()) or said[-1])
        return said[-1]

    def status(self):
        """The learner's own account of the run; None while it does not answer."""
        if not self.folder.config.exists():
            return None
        config = load_config(self.folder.config)
        client = StatusClient(config.learner.address, config.security.tls, self.token)
        try:
            return client.status()
        finally:
            client.close()
