"""What each command of `townlet admin` does. An operation that takes long tells its steps, one a line."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any

from google.protobuf.message import Message
from rich.console import Console, RenderableType
from rich.live import Live

from protos import admin_pb2 as pb
from townlet.admin import tables
from townlet.admin.client import AdminClient
from townlet.admin.key import Key
from townlet.admin.reach import Target, target
from townlet.admin.values import to_values
from townlet.errors import CheckpointError, ConfigError, InvalidRequestError, TownletError, UnavailableError

POLL_S = 0.2
BACK_LIMIT_S = 120.0
"""A run that was taken back is on its feet within this time."""

EXIT_CODES: dict[type[TownletError], int] = {
    ConfigError: 2,
    InvalidRequestError: 2,
    UnavailableError: 3,
    CheckpointError: 4,
}
"""Anything else that a user can meet: 1."""


class Show:
    """Answers for people, or JSON for programs: one value a line."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.console = Console()

    def answer(self, message: Message, view: RenderableType) -> None:
        """What was asked for."""
        self.line(to_values(message), view)

    def line(self, values: dict[str, Any], view: RenderableType) -> None:
        """One thing that happened."""
        if self.as_json:
            print(json.dumps(values), flush=True)  # noqa: T201  # for programs
        else:
            self.console.print(view, highlight=False, soft_wrap=isinstance(view, str))

    def waiting(self, text: str) -> AbstractContextManager[object]:
        """Within: people at a terminal see that something is waited for."""
        return nullcontext() if self.as_json or not self.console.is_terminal else self.console.status(text)


def exit_code(error: TownletError) -> int:
    """What the command exits with."""
    return EXIT_CODES.get(type(error), 1)


class Commands:
    """Each method is one command. They raise TownletError."""

    def __init__(self, run: str, address: str | None, as_json: bool, key: Key) -> None:
        self._target: Target = target(run, address, key)
        self._show = Show(as_json)

    def status(self) -> None:
        with self._target.learner() as learner:
            status = learner.status()
        self._show.answer(status, tables.status_table(status))

    def watch(self, period_s: float) -> None:
        with self._target.learner() as learner, suppress(KeyboardInterrupt), self._live() as live:
            for status in learner.watch(period_s):
                if live is None:
                    self._show.answer(status, tables.status_line(status))
                else:
                    live.update(tables.status_table(status), refresh=True)

    def pause(self) -> None:
        with self._target.learner() as learner:
            learner.pause()
        self._show.line({"paused": True}, "paused")

    def resume(self) -> None:
        with self._target.learner() as learner:
            learner.resume()
        self._show.line({"paused": False}, "trains")

    def checkpoint(self) -> None:
        with self._target.learner() as learner:
            for event in learner.checkpoint():
                step = to_values(event)["step"]
                self._show.answer(event, f"version {event.version}: {step}" if event.version else str(step))

    def versions(self) -> None:
        with self._target.versions() as versions:
            answer = versions.versions()
            newest = versions.status().newest_version if isinstance(versions, AdminClient) else 0
        self._show.answer(answer, tables.versions_table(answer, newest))

    def show(self, version: int) -> None:
        with self._target.versions() as versions:
            answer = versions.show(version)
        self._show.answer(answer, tables.version_table(answer))

    def verify(self, version: int) -> None:
        with self._target.versions() as versions:
            versions.verify(version, self._progress("verified"))
        self._show.line({"version": version, "good": True}, f"version {version}: good")

    def pin(self, version: int) -> None:
        with self._target.versions() as versions:
            versions.pin(version)
        self._show.line({"version": version, "pinned": True}, f"version {version}: pinned")

    def unpin(self, version: int) -> None:
        with self._target.versions() as versions:
            versions.unpin(version)
        self._show.line({"version": version, "pinned": False}, f"version {version}: not pinned")

    def delete(self, version: int) -> None:
        with self._target.versions() as versions:
            versions.delete(version)
        self._show.line({"version": version, "deleted": True}, f"version {version}: deleted")

    def branch(self, version: int, run: str) -> None:
        with self._target.versions() as versions:
            path = versions.branch(version, run, self._progress("copied"))
        values = {"version": version, "run": run, "config_path": path}
        self._show.line(values, f"run {run} begins at version {version}; start it with `townlet up {path}`")

    def restore(self, version: int) -> None:
        """Until the run is on its feet again."""
        copy = 0
        with self._target.learner() as learner:
            for event in learner.restore(version):
                if event.HasField("verified"):
                    self._progress("verified")(event.verified)
                copy = event.committed_version or copy
        self._show.line({"committed_version": copy}, f"version {copy} is a copy of version {version}: all start over")
        until_s = time.monotonic() + BACK_LIMIT_S
        with self._show.waiting("the run comes back"):
            while not self._is_back(copy):
                if time.monotonic() > until_s:
                    raise TownletError(
                        f"restore {version}: version {copy} is committed, but the run has not come back within "
                        f"{BACK_LIMIT_S:g} s; look at its logs"
                    )
                time.sleep(POLL_S)
        self._show.line({"resumed_version": copy}, f"the run goes on from version {copy}")

    def set(self, key: str, value: str) -> None:
        with self._target.learner() as learner:
            answer = learner.set(key, value)
        self._show.answer(answer, tables.set_line(answer))

    def actors(self) -> None:
        with self._target.learner() as learner:
            answer = learner.members()
        self._show.answer(answer, tables.members_table(answer))

    def drain(self, actor: str, wait: bool) -> None:
        """Until it has left, or not waited for."""
        with self._target.learner() as learner:
            learner.drain(actor)
            self._show.line({"actor": actor, "state": "draining"}, f"{actor} was asked to leave")
            with self._show.waiting("what it has pushed is acknowledged"):
                while wait and _state(learner, actor) != pb.MEMBER_STATE_LEFT:
                    time.sleep(POLL_S)
        if wait:
            self._show.line({"actor": actor, "state": "left"}, f"{actor} has left")

    def stop(self, wait: bool) -> None:
        """Until the learner has gone, or not waited for."""
        with self._target.learner() as learner:
            learner.stop()
            self._show.line({"stops": True}, "the learner makes a last version, and stops")
            with self._show.waiting("the last version is made"), suppress(UnavailableError):
                while wait:
                    learner.status()
                    time.sleep(POLL_S)
        if wait:
            self._show.line({"stopped": True}, "stopped")

    def _progress(self, verb: str) -> Callable[[pb.VersionProgress], None]:
        return lambda done: self._show.line({verb: to_values(done)}, tables.progress_line(done, verb))

    def _is_back(self, version: int) -> bool:
        """Whether the learner goes on from a version, has published a policy, and an actor lives with it."""
        try:
            with self._target.learner() as learner:
                status, members = learner.status(), learner.members().members
        except UnavailableError:
            return False
        actors = [member for member in members if member.role == "actor" and member.state != pb.MEMBER_STATE_LEFT]
        lives = not actors or any(actor.environment_steps for actor in actors if actor.state == pb.MEMBER_STATE_PRESENT)
        return status.resumed_version == version and status.policy_version > 0 and lives

    @contextmanager
    def _live(self) -> Iterator[Live | None]:
        if self._show.as_json or not self._show.console.is_terminal:
            yield None
            return
        with Live(console=self._show.console, auto_refresh=False) as live:
            yield live


def _state(learner: AdminClient, actor: str) -> pb.MemberState.ValueType:
    return next(member.state for member in learner.members().members if member.name == actor)
