"""An actor's part of the versions: it stands still between two steps, and delivers what it is."""

from concurrent.futures import ThreadPoolExecutor

import structlog

from actor.append_client import AppendClient
from actor.reporter import Reporter
from actor.state import ActorState
from townlet.checkpoint.manifest import FileRecord
from townlet.checkpoint.state import State
from townlet.checkpoint.store import VersionStore
from townlet.errors import TownletError
from townlet.failpoints import failpoint
from townlet.telemetry import stand_on
from townlet.tracing import span

log = structlog.get_logger()


class ActorVersions:
    """Use as a context manager: files are written by a thread of its own, while the actor lives on."""

    def __init__(
        self, member: str, state: ActorState, replay: AppendClient, reporter: Reporter, store: VersionStore
    ) -> None:
        self._member = member
        self._state = state
        self._replay = replay
        self._reporter = reporter
        self._store = store
        self._last = 0
        self._writer = ThreadPoolExecutor(1, "version")

    def __enter__(self) -> "ActorVersions":
        return self

    def __exit__(self, *exception: object) -> None:
        self._writer.shutdown()

    def take_up(self, version: int) -> None:
        """Be the actor that this version holds. Raises CheckpointError when it cannot be; then it is of no use."""
        self._state.take_up(self._store.open(version, self._member).state(self._member))
        stand_on(version)
        log.info("taken_up", version=version)

    def hold_when_asked(self) -> None:
        """Between two steps: stand still until a version that the learner prepares is cut everywhere."""
        version = self._reporter.hold_version
        if version in (0, self._last):
            return
        self._last = version
        with span("hold", version=version):
            self._hold(version)

    def _hold(self, version: int) -> None:
        self._replay.flush()
        failpoint("actor.hold.after_flush")
        state = self._state.capture()
        try:
            self._reporter.hold(version, lambda: self._submit(version, state))
        except TownletError as error:
            log.info("hold_ended", version=version, reason=str(error))

    def save(self, version: int) -> None:
        """At the end of a round, where nothing moves: deliver what the actor is."""
        self._submit(version, self._state.capture())

    def _submit(self, version: int, state: State) -> None:
        self._writer.submit(self._deliver, version, state)

    def _deliver(self, version: int, state: State) -> None:
        try:
            failpoint("actor.version.before_state")
            with span("version.write", version=version):
                files: tuple[FileRecord, ...] = self._store.write_state(version, self._member, state)
            failure = ""
        except TownletError as error:
            log.warning("version_not_written", version=version, reason=str(error))
            files, failure = (), str(error)
        try:
            self._reporter.deliver(version, files, failure)
        except TownletError as error:
            log.info("version_not_delivered", version=version, reason=str(error))
