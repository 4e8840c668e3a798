"""A run of deploy/compose.yaml on a real engine, and what can happen to its containers."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from townlet.launch.places import free_ports

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose.yaml"
LIMIT_S = 900.0
"""For one command; the machine may be slow."""


def why_not() -> str:
    """Why nothing can be tested with containers here; empty when it can."""
    if shutil.which("docker") is None:
        return "expected a Docker engine, found no `docker` on the path"
    for words in (["docker", "compose", "version"], ["docker", "info"]):
        if _run(words).returncode:
            return f"expected a Docker engine with Compose, found that `{' '.join(words)}` fails"
    return ""


def docker(*words: str) -> str:
    """What `docker WORDS` prints. Fails with all that it says when it fails."""
    done = _run(["docker", *words])
    assert done.returncode == 0, f"docker {' '.join(words)}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout.strip()


def said(container: str) -> str:
    """All that a container has written to its output and its errors."""
    done = _run(["docker", "logs", container])
    return done.stdout + done.stderr


class ComposeRun:
    """One run, under a project name of its own. ports: of this machine, by what listens behind them."""

    def __init__(self, project: str, config: Path, overlays: Sequence[Path] = ()) -> None:
        self.project = project
        self.ports = dict(zip(("learner", "redis", "replay-0", "replay-1"), free_ports(4), strict=True))
        self._files = [COMPOSE, *overlays]
        self._environment = {
            "TOWNLET_CONFIG": str(config),
            "TOWNLET_PORT": str(self.ports["learner"]),
            **{f"TOWNLET_TEST_{name.upper().replace('-', '_')}_PORT": str(port) for name, port in self.ports.items()},
        }

    def compose(self, *words: str, extra: Sequence[Path] = ()) -> str:
        """`docker compose WORDS`. extra: more files that are laid over the others."""
        files = [word for file in (*self._files, *extra) for word in ("-f", str(file))]
        command = ["docker", "compose", "-p", self.project, *files, *words]
        done = _run(command, self._environment)
        assert done.returncode == 0, f"{' '.join(words)}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
        return done.stdout

    def containers(self) -> dict[str, str]:
        """ID of each container that is there, by its name without the project's."""
        lines = docker("ps", "-a", "--filter", self._label, "--format", "{{.Names}} {{.ID}}").splitlines()
        return {name.removeprefix(f"{self.project}-"): found for name, found in map(str.split, lines)}

    def unwell(self) -> list[str]:
        """Containers that do not run, or are not found to be well."""
        well = docker("ps", "--filter", self._label, "--filter", "health=healthy", "--format", "{{.Names}}").split()
        return sorted(self.containers().keys() - {name.removeprefix(f"{self.project}-") for name in well})

    def inspect(self, name: str) -> Any:
        """All that the engine knows of a container."""
        return json.loads(docker("inspect", self.containers()[name]))[0]

    def logs(self, service: str) -> list[dict[str, Any]]:
        """What a service has logged since its container was made."""
        lines = self.compose("logs", "--no-log-prefix", "--no-color", service).splitlines()
        return [json.loads(line[line.index("{") :]) for line in lines if '{"event"' in line]

    def kill(self, name: str) -> None:
        """kill -9 from outside: `docker kill` would tell the engine that nobody wants the container any more."""
        pid = str(self.inspect(name)["State"]["Pid"])
        options = ("--rm", "--pid=host", "--user=0", "--entrypoint=sh")
        docker("run", *options, "redis:7-bookworm", "-c", f"kill -9 {pid}")

    @contextmanager
    def cut_off(self, name: str) -> Iterator[None]:
        """Within: the container is in no network."""
        found = self.inspect(name)
        networks = list(found["NetworkSettings"]["Networks"])
        service = found["Config"]["Labels"]["com.docker.compose.service"]
        for network in networks:
            docker("network", "disconnect", network, found["Id"])
        try:
            yield
        finally:
            for network in networks:
                docker("network", "connect", "--alias", service, network, found["Id"])

    @contextmanager
    def paused(self, name: str) -> Iterator[None]:
        """Within: none of the container's processes is given any time.

        An engine may have to try again: one that begins meanwhile, to ask for the health, cannot be caught.
        """
        container = self.containers()[name]
        wait_until(lambda: _run(["docker", "pause", container]).returncode == 0, f"{name} is frozen", LIMIT_S)
        try:
            yield
        finally:
            docker("unpause", container)

    def remove(self) -> None:
        """Everything, volumes included."""
        self.compose("down", "--volumes", "--timeout", "1")

    @property
    def _label(self) -> str:
        return f"label=com.docker.compose.project={self.project}"


def wait_until(holds: Callable[[], bool], what: str, limit_s: float) -> float:
    """Wait for a condition; after how many seconds it held."""
    began_s = time.monotonic()
    while not holds():
        assert time.monotonic() < began_s + limit_s, f"not within {limit_s:.0f} s: {what}"
        time.sleep(0.5)
    return time.monotonic() - began_s


def _run(command: list[str], environment: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    everything = {**os.environ, "DOCKER_BUILDKIT": "1", **(environment or {})}
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=LIMIT_S, env=everything)
