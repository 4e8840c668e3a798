"""The versions of one run, for people and programs: what the admin service tells of them, and does with them.

The learner does so for a run that is on; `townlet admin` itself for one that is not.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from protos import admin_pb2 as pb
from protos.version_pb2 import VersionFile
from townlet.admin.new_run import branched_config
from townlet.checkpoint.branch import branch
from townlet.checkpoint.manifest import Manifest
from townlet.checkpoint.store import Listed, VersionStore
from townlet.config import Config
from townlet.config_file import dump_config
from townlet.errors import RefusedError
from townlet.run_folder import RunFolder, write_whole

Tell = Callable[[pb.VersionProgress], None]


class Archive:
    """Every method blocks, and raises CheckpointError when there is no such version, or it is damaged.

    stands_on: of a run that is on: the version that it stands on, which is not to be deleted.
    """

    def __init__(self, config: Config, stands_on: Callable[[], int | None] | None = None) -> None:
        self._config = config
        self._store = store_of(config)
        self._stands_on = stands_on
        self._beginning: set[str] = set()
        """Names of runs."""
        self._lock = threading.Lock()

    def versions(self) -> pb.ListVersionsResponse:
        """All of them, oldest first."""
        return pb.ListVersionsResponse(versions=[_summary(listed) for listed in self._store.versions()])

    def show(self, version: int) -> pb.ShowVersionResponse:
        """One of them."""
        manifest = self._store.manifest(version)
        pinned = any(listed.pinned for listed in self._store.versions() if listed.version == version)
        return pb.ShowVersionResponse(
            summary=_summary(Listed(version, manifest, "", pinned)),
            run=manifest.run,
            schedule=manifest.schedule,
            config_digest=manifest.config_digest,
            layout_digest=manifest.layout_digest,
            members=manifest.members,
            set_values=[pb.SetValue(key=key, value=value) for key, value in manifest.set_values.items()],
            files=[VersionFile(**record.model_dump()) for record in manifest.files],
        )

    def verify(self, version: int, tell: Tell) -> None:
        """Read every byte of it. tell: told of each component that is as it was written."""
        verify(self._store, version, tell)

    def pin(self, version: int) -> None:
        """Keep it."""
        self._store.pin(version)

    def unpin(self, version: int) -> None:
        """Let retention take it away again."""
        self._store.manifest(version)
        self._store.unpin(version)

    def delete(self, version: int) -> None:
        """Take it away, and the segments that only it needed; of a run that is not on, these go when it starts.

        Raises RefusedError.
        """
        if any(listed.pinned for listed in self._store.versions() if listed.version == version):
            raise RefusedError(f"delete {version}: expected a version that is not pinned; unpin it first")
        if self._stands_on is not None and version == self._stands_on():
            raise RefusedError(f"delete {version}: the run stands on this version: after a crash it goes on from it")
        self._store.delete(version)
        if self._stands_on is not None:
            self._store.collect()

    def branch(self, version: int, run: str, tell: Tell) -> str:
        """Begin another run at it; the path of that run's configuration.

        Raises RefusedError, and InvalidRequestError when no run can be called so.
        """
        with self._begins(run):
            return self._branch(version, run, tell)

    @contextmanager
    def _begins(self, run: str) -> Iterator[None]:
        """Nobody else may begin a run of that name meanwhile."""
        with self._lock:
            if run in self._beginning:
                raise RefusedError(f"branch {run}: expected the name of a new run, found one that is begun just now")
            self._beginning.add(run)
        try:
            yield
        finally:
            self._beginning.discard(run)

    def _branch(self, version: int, run: str, tell: Tell) -> str:
        config = branched_config(self._config, run)
        folder = RunFolder(config.run.folder)
        if folder.config.exists():
            raise RefusedError(
                f"branch {run}: expected the name of a new run, found {folder.path}; choose another name"
            )
        target = store_of(config)
        if not self._is_branched(target, version):
            progress = _Progress(self._store.manifest(version), tell)
            branch(self._store, version, target, run, datetime.now(UTC), progress.done)
        write_whole(folder.config, dump_config(config).encode())
        os.utime(folder.config, (0.0, 0.0))  # the latest run is the one that was started last; this one never was
        return str(folder.config)

    def _is_branched(self, target: VersionStore, version: int) -> bool:
        """Whether the copy is complete already: of a call that was interrupted just after."""
        if target.newest() != version:
            return False
        origin = target.manifest(version).origin
        return origin is not None and (origin.run, origin.version) == (self._config.run.name, version)


def store_of(config: Config) -> VersionStore:
    """Where a run's versions are."""
    return VersionStore(config.checkpoint.root or RunFolder(config.run.folder).versions)


def verify(store: VersionStore, version: int, tell: Tell) -> Manifest:
    """Read every byte of a version, component by component; its manifest. Raises CheckpointError."""
    manifest = store.manifest(version)
    progress = _Progress(manifest, tell)
    for component in manifest.members:
        store.open(version, component, keep_bytes=0)
        progress.done(component)
    return manifest


class _Progress:
    """Counts the bytes of the components that have been dealt with."""

    def __init__(self, manifest: Manifest, tell: Tell) -> None:
        self._manifest = manifest
        self._tell = tell
        self._bytes = 0

    def done(self, component: str) -> None:
        self._bytes += sum(record.size for record in self._manifest.of(component))
        total = sum(record.size for record in self._manifest.files)
        self._tell(pb.VersionProgress(component=component, bytes_done=self._bytes, bytes_total=total))


def _summary(listed: Listed) -> pb.VersionSummary:
    manifest = listed.manifest
    summary = pb.VersionSummary(version=listed.version, unreadable=listed.reason, pinned=listed.pinned)
    if manifest is None:
        return summary
    origin = manifest.origin
    summary.MergeFrom(
        pb.VersionSummary(
            created_at=manifest.created_at.astimezone(UTC).isoformat(timespec="seconds"),
            parent=manifest.parent or 0,
            restores=manifest.restores or 0,
            origin_run=origin.run if origin else "",
            origin_version=origin.version if origin else 0,
            counters=manifest.counters,
            metrics=manifest.metrics,
            own_bytes=sum(record.size for record in manifest.files if not record.is_segment),
            segment_bytes=sum(record.size for record in manifest.files if record.is_segment),
        )
    )
    return summary
