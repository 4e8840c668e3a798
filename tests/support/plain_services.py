"""The services of a run as plain processes, as containers start them: nobody but themselves keeps them in order."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from run_process import CONFIGS

from townlet.admin.client import AdminClient
from townlet.config_file import dump_config, load_config
from townlet.launch.places import free_ports
from townlet.launch.status_client import StatusClient
from townlet.run_folder import RunFolder


class PlainServices:
    """Every process by its name in `processes`; the command of one is `command`. All of them log to a file each."""

    def __init__(self, root: Path, config: str, redis_url: str, shards: int, *overrides: str) -> None:
        learner, *replays = free_ports(1 + shards)
        settings = [
            f"run.root={root}",
            "run.name=r",
            f"learner.address=127.0.0.1:{learner}",
            f"replay.addresses={[f'127.0.0.1:{port}' for port in replays]}",
            f"replay.redis_url={redis_url}",
            *overrides,
        ]
        self.config = load_config(CONFIGS / config, settings)
        self.folder = RunFolder(self.config.run.folder)
        self.folder.logs.mkdir(parents=True)
        self.folder.config.write_text(dump_config(self.config))
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def __exit__(self, *exception: object) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()

    def __enter__(self) -> "PlainServices":
        return self

    def start(self, name: str, module: str, *options: str) -> None:
        with self._log(name).open("ab") as log:
            command = [sys.executable, "-m", module, str(self.folder.config), *options]
            self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log)

    def signal(self, name: str, number: int = signal.SIGTERM) -> None:
        os.kill(self.processes[name].pid, number)

    def stop_all(self, timeout_s: float = 120.0) -> tuple[dict[str, int], float]:
        """SIGTERM to everybody at once: the exit codes, and the seconds until the last one had ended."""
        began_s = time.monotonic()
        for process in self.processes.values():
            process.terminate()
        codes = {name: process.wait(timeout_s) for name, process in self.processes.items()}
        self.processes.clear()
        return codes, time.monotonic() - began_s

    def status(self):
        client = StatusClient(self.config.learner.address)
        try:
            return client.status()
        finally:
            client.close()

    def members(self):
        with AdminClient(self.config.learner.address) as client:
            return client.members().members

    def wait_for(self, what: str, happened: Callable[[], object], timeout_s: float = 120.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not happened():
            ended = [name for name, process in self.processes.items() if process.poll() is not None]
            assert not ended, f"{ended} ended before {what}: {[self.log(name)[-3:] for name in ended]}"
            assert time.monotonic() < deadline, f"no {what} within {timeout_s} s"
            time.sleep(0.1)

    def wait_for_updates(self, count: int) -> None:
        self.wait_for(f"{count} updates", lambda: (status := self.status()) and status.updates >= count)

    def log(self, name: str) -> list[dict[str, object]]:
        """What a process has logged."""
        lines = self._log(name).read_text().splitlines() if self._log(name).exists() else []
        return [json.loads(line) for line in lines if line.startswith("{")]

    def logged(self, name: str, event: str) -> list[dict[str, object]]:
        return [entry for entry in self.log(name) if entry["event"] == event]

    def _log(self, name: str) -> Path:
        return self.folder.logs / f"{name}.log"
