"""Which run `townlet admin` means, and how it is reached: through its learner, or its files when it is not on."""

import fcntl
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol

from protos import admin_pb2 as pb
from townlet.admin.archive import Archive, Tell
from townlet.admin.client import AdminClient
from townlet.admin.key import Key
from townlet.config import Config
from townlet.errors import ConfigError, UnavailableError
from townlet.launch.find_run import find_run, load_run_config
from townlet.run_folder import RunFolder


class Versions(Protocol):
    """What can be done with the versions of a run, by its learner or without it. See `Archive`."""

    def versions(self) -> pb.ListVersionsResponse: ...
    def show(self, version: int) -> pb.ShowVersionResponse: ...
    def verify(self, version: int, tell: Tell) -> None: ...
    def pin(self, version: int) -> None: ...
    def unpin(self, version: int) -> None: ...
    def delete(self, version: int) -> None: ...
    def branch(self, version: int, run: str, tell: Tell) -> str: ...


@dataclass(frozen=True)
class Target:
    """One run. folder, config: None where only the learner's address is known. key: what opens its doors."""

    address: str
    key: Key
    folder: RunFolder | None = None
    config: Config | None = None

    @contextmanager
    def learner(self) -> Iterator[AdminClient]:
        """Its learner. Raises UnavailableError, which says what to do, when that does not answer or goes away."""
        try:
            with AdminClient(self.address, self.key.tls, self.key.token) as client:
                self._check(client.status())
                yield client
        except UnavailableError as error:
            raise UnavailableError(self._advice(error)) from None

    @contextmanager
    def versions(self) -> Iterator[Versions]:
        """Its versions: by its learner, or of a run that is not on by its files; nobody starts it meanwhile then."""
        with ExitStack() as stack:
            try:
                versions: Versions = stack.enter_context(self.learner())
            except UnavailableError:
                if self.config is None or self.folder is None or not stack.enter_context(_kept_off(self.folder)):
                    raise
                print(f"{self.folder.path} is not on: these are its files", file=sys.stderr)  # noqa: T201  # for people
                versions = Archive(self.config)
            yield versions

    def _check(self, status: pb.StatusResponse) -> None:
        """The port of a run that has ended may have become another one's."""
        if self.config is not None and status.run != self.config.run.name:
            raise UnavailableError(f"the learner there is run {status.run}'s")

    def _advice(self, error: UnavailableError) -> str:
        reason = str(error).removeprefix(f"learner at {self.address} does not answer: ")
        if "Connection refused" in reason:
            reason = "connection refused"
        elif "Socket closed" in reason or "handshake" in reason:
            reason = "it hung up; behind TLS it wants a certificate of its authority: see `townlet admin --identity`"
        if self.folder is None:
            return (
                f"no learner answers at {self.address} ({reason}); expected learner.address of a run that is on, as "
                "its config.yaml says"
            )
        with _kept_off(self.folder) as kept_off:
            advice = (
                f"the run is not on: start it with `townlet up {self.folder.config}`, or name another one with --run"
                if kept_off
                else "its `townlet up` is there, and may be starting or stopping it: try again in a moment"
            )
        return f"run {self.folder.path}: its learner at {self.address} does not answer ({reason}); {advice}"


def target(run: str, address: str | None, key: Key) -> Target:
    """The run that a user means. key: its TLS goes before what the run's configuration says. Raises ConfigError."""
    if address is not None:
        if not re.fullmatch(r"[^:\s]+:\d{1,5}", address):
            raise ConfigError(f"--address: expected host:port, found {address}")
        return Target(address, key)
    folder = find_run(run)
    config = load_run_config(folder)
    return Target(config.learner.address, key.or_tls(config.security.tls), folder, config)


@contextmanager
def _kept_off(folder: RunFolder) -> Iterator[bool]:
    """Within: no `townlet up` begins to run in a folder; False when one does run there."""
    path = folder.path / ".lock"
    if not path.exists():
        yield True
        return
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
