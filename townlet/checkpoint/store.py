"""Versions below one root: each complete, or not there.

    000042/manifest.json                     written last: without it there is no version
    000042/learner.json, .safetensors        one component's state
    000042/policy.safetensors                any other file of a version
    segments/replay-0/SHA256                 immutable, shared between versions
    pins/000042                              keeps a version from being deleted
    reserved                                 the newest ID that was ever given to one

Every file is written whole or not at all, and what a committed version refers to never changes.
"""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from townlet.checkpoint.files import Files, files_at
from townlet.checkpoint.manifest import (
    MANIFEST,
    SEGMENTS,
    FileRecord,
    Manifest,
    check_name,
    decode_manifest,
    encode_manifest,
    folder_of,
    version_of,
)
from townlet.checkpoint.opened import OpenVersion
from townlet.checkpoint.retention import Retention, expendable
from townlet.checkpoint.state import State, encode_state
from townlet.errors import CheckpointError
from townlet.failpoints import failpoint

PINS = "pins"
RESERVED = "reserved"
Content = bytes | bytearray | memoryview


@dataclass(frozen=True)
class Damaged:
    """A version that cannot be taken up, and why."""

    version: int
    reason: str


@dataclass(frozen=True)
class Listed:
    """A committed version. manifest: None when it cannot be read, for `reason`."""

    version: int
    manifest: Manifest | None
    reason: str
    pinned: bool


@dataclass(frozen=True)
class Swept:
    """What was deleted (folders end in a slash). kept_for: versions that may need segments, but do not say which."""

    deleted: tuple[str, ...]
    kept_for: tuple[Damaged, ...] = ()


@dataclass(frozen=True)
class Good:
    """The newest version without damage, None when there is none, and the newer ones that were passed over."""

    opened: OpenVersion | None
    skipped: tuple[Damaged, ...]


class VersionStore:
    """Safe to use from several threads and processes, as long as one of them commits, deletes and collects.

    Every method raises UnavailableError when the disk or the object store refuses; nothing visible has changed then.
    """

    def __init__(self, root: str | Path, options: dict[str, Any] | None = None) -> None:
        """root: a path, or a URL for fsspec; options: of its filesystem."""
        self._files: Files = files_at(root, options)

    @property
    def root(self) -> str:
        return self._files.root

    # Writing a version

    def next_version(self) -> int:
        """An ID that nothing here bears, not even what an aborted version left behind."""
        names = [*self._files.folders(), *(path.rpartition("/")[2] for path in self._files.sizes(PINS))]
        return 1 + max((version_of(name) or 0 for name in names), default=0)

    def reserve(self) -> int:
        """An ID that no version ever had or will have, not even one that was given up: for the next to be prepared.

        So what belongs to a version that failed, and arrives late, is never taken for the next one's.
        """
        version = max(self.next_version(), self._reserved() + 1)
        with self._files.staged(RESERVED, memoryview(folder_of(version).encode())) as publish:
            publish()
        return version

    def write(self, version: int, component: str, name: str, content: Content) -> FileRecord:
        """Write one file of a version that is being prepared. Writing it again replaces it."""
        check_name(name, "file of a version")
        self._check_open(version)
        return self._write(f"{folder_of(version)}/{name}", component, content)

    def write_state(self, version: int, component: str, state: State) -> tuple[FileRecord, FileRecord]:
        """Write a component's state (`encode_state`)."""
        tree, tensors = encode_state(state)
        return (
            self.write(version, component, f"{component}.json", tree),
            self.write(version, component, f"{component}.safetensors", tensors),
        )

    def write_segment(self, component: str, content: Content) -> FileRecord:
        """Write bytes that many versions may share. They are named by their digest: no two segments ever collide.

        A version may refer to a segment that an earlier committed version refers to, without writing it again.
        """
        return self._write(f"{SEGMENTS}/{component}/{hashlib.sha256(content).hexdigest()}", component, content)

    def commit(self, manifest: Manifest) -> None:
        """Make it a version, once every file that it names is there. Raises CheckpointError, and then it is none."""
        self._check_open(manifest.version)
        self._check_sizes(manifest)
        path = f"{folder_of(manifest.version)}/{MANIFEST}"
        failpoint("checkpoint.manifest.before_write")
        with self._files.staged(path, memoryview(encode_manifest(manifest))) as publish:
            failpoint("checkpoint.manifest.before_rename")
            publish()
        failpoint("checkpoint.manifest.after_rename")

    def abort(self, version: int) -> None:
        """Take away what was written for a version that will not be. Its segments go with the next `collect`."""
        self._check_open(version)
        failpoint("checkpoint.abort.before_files")
        self._files.delete_folder(folder_of(version))

    # Reading

    def newest(self) -> int | None:
        """The newest committed version, be it damaged or not."""
        return max(self._committed(), default=None)

    def versions(self) -> tuple[Listed, ...]:
        """All committed versions, oldest first. Only manifests are read."""
        pinned = self._pinned()
        return tuple(self._listed(version, version in pinned) for version in self._committed())

    def manifest(self, version: int) -> Manifest:
        """A version's manifest. Raises CheckpointError when there is no such version, or none that can be read."""
        path = f"{folder_of(version)}/{MANIFEST}"
        try:
            content = b"".join(self._files.blocks(path))
        except FileNotFoundError:
            raise CheckpointError(f"{self.root}/{path}: expected a version, found no such file") from None
        manifest = decode_manifest(content, f"{self.root}/{path}")
        if manifest.version != version:
            raise CheckpointError(f"{self.root}/{path}: expected version {version}, found {manifest.version}")
        return manifest

    def verify(self, version: int) -> Manifest:
        """Verify every file of a version. Raises CheckpointError, which names the first that is damaged."""
        return self.open(version).manifest

    def open(self, version: int, component: str | None = None, *, keep_bytes: int = 2 << 30) -> OpenVersion:
        """A version of which one component's files are verified, or all; raises CheckpointError.

        With a component, what was verified stays in memory until it is read, up to `keep_bytes`.
        """
        opened = OpenVersion(self._files, self.manifest(version))
        opened.verify(component, keep_bytes=0 if component is None else keep_bytes)
        return opened

    def newest_good(self) -> Good:
        """The newest version of which every file is as it was written."""
        skipped: list[Damaged] = []
        for version in reversed(self._committed()):
            try:
                return Good(self.open(version), tuple(skipped))
            except CheckpointError as error:
                skipped.append(Damaged(version, str(error)))
        return Good(None, tuple(skipped))

    # Keeping and taking away

    def pin(self, version: int) -> None:
        """Keep a version from being deleted until it is unpinned."""
        if version not in self._committed():
            raise CheckpointError(
                f"{self.root}/{folder_of(version)}/{MANIFEST}: expected a version, found no such file"
            )
        with self._files.staged(f"{PINS}/{folder_of(version)}", memoryview(b"")) as publish:
            failpoint("checkpoint.pin.before_rename")
            publish()

    def unpin(self, version: int) -> None:
        """The inverse; nothing happens when it is not pinned."""
        self._files.delete(f"{PINS}/{folder_of(version)}")

    def delete(self, version: int) -> None:
        """Take a version away, its manifest first: from then on it is none. Its segments go with the next `collect`."""
        if version in self._pinned():
            raise CheckpointError(f"{self.root}/{folder_of(version)}: expected a version that is not pinned; unpin it")
        if version not in self._committed():
            raise CheckpointError(
                f"{self.root}/{folder_of(version)}/{MANIFEST}: expected a version, found no such file"
            )
        failpoint("checkpoint.delete.before_manifest")
        self._files.delete(f"{folder_of(version)}/{MANIFEST}")
        failpoint("checkpoint.delete.before_files")
        self._files.delete_folder(folder_of(version))
        failpoint("checkpoint.delete.after_files")

    def retain(self, retention: Retention) -> tuple[int, ...]:
        """Delete what retention does not keep; the IDs. Versions whose manifest cannot be read are left to a person."""
        readable = [listed.manifest for listed in self.versions() if listed.manifest is not None]
        gone = expendable(readable, self._pinned(), retention)
        for version in gone:
            self.delete(version)
        return gone

    def collect(self, pending: Collection[str] = ()) -> Swept:
        """Delete the segments that no committed version refers to, except for `pending` (paths).

        pending: those that a version which is being prepared may refer to. Nothing goes while a manifest cannot be
        read, be it damaged or of a newer format: it may need any of them.
        """
        written = self._files.sizes(SEGMENTS)  # before the manifests: whoever commits meanwhile refers to newer ones
        listed = self.versions()
        unread = tuple(Damaged(entry.version, entry.reason) for entry in listed if entry.manifest is None)
        if unread:
            return Swept((), unread)
        needed = {record.path for entry in listed if entry.manifest for record in entry.manifest.files}
        gone = [path for path in written if path not in needed and path not in pending and not _is_unfinished(path)]
        for path in gone:
            failpoint("checkpoint.collect.before_segment")
            self._files.delete(path)
        return Swept(tuple(gone))

    def sweep(self, pending: Collection[str] = ()) -> Swept:
        """Take away all that a crash left: unfinished files, folders without a manifest, and what `collect` finds.

        For the start of a run's head, when it prepares no version: one that another still prepares fails.
        """
        gone = [path for path in self._files.sizes() if _is_unfinished(path)]
        for path in gone:
            self._files.delete(path)
        for folder in self._files.folders():
            version = version_of(folder)
            if version is not None and not any(path.startswith(f"{folder}/") for path in pending):
                gone += self._sweep_folder(folder)
        collected = self.collect(pending)
        return Swept((*gone, *collected.deleted), collected.kept_for)

    # Within

    def _write(self, path: str, component: str, content: Content) -> FileRecord:
        check_name(component, "component")
        view = memoryview(content)
        record = FileRecord(path=path, size=view.nbytes, sha256=hashlib.sha256(view).hexdigest(), component=component)
        failpoint("checkpoint.file.before_write")
        with self._files.staged(path, view.cast("B")) as publish:
            failpoint("checkpoint.file.before_rename")
            publish()
        failpoint("checkpoint.file.after_rename")
        return record

    def _check_open(self, version: int) -> None:
        folder = folder_of(version)
        if version_of(folder) is None:
            raise CheckpointError(f"version: expected an ID of at least 1, found {version}")
        if f"{folder}/{MANIFEST}" in self._files.sizes(folder):
            raise CheckpointError(f"{self.root}/{folder}: expected a version being prepared, found a committed one")

    def _check_sizes(self, manifest: Manifest) -> None:
        folders = {record.path.rpartition("/")[0] for record in manifest.files}
        found = {path: size for folder in folders for path, size in self._files.sizes(folder).items()}
        for record in manifest.files:
            if found.get(record.path) != record.size:
                there = f"{found[record.path]}" if record.path in found else "no such file"
                raise CheckpointError(f"{self.root}/{record.path}: expected {record.size} bytes, found {there}")

    def _reserved(self) -> int:
        try:
            return version_of(b"".join(self._files.blocks(RESERVED)).decode(errors="replace")) or 0
        except FileNotFoundError:
            return 0

    def _committed(self) -> list[int]:
        """Oldest first."""
        paths = (path.split("/") for path in self._files.sizes())
        return sorted(version for folder, *rest in paths if rest == [MANIFEST] and (version := version_of(folder)))

    def _pinned(self) -> set[int]:
        names = (path.rpartition("/")[2] for path in self._files.sizes(PINS))
        return {version for name in names if (version := version_of(name))}

    def _listed(self, version: int, pinned: bool) -> Listed:
        try:
            return Listed(version, self.manifest(version), "", pinned)
        except CheckpointError as error:
            return Listed(version, None, str(error), pinned)

    def _sweep_folder(self, folder: str) -> list[str]:
        if f"{folder}/{MANIFEST}" in self._files.sizes(folder):
            return []
        failpoint("checkpoint.sweep.before_folder")
        self._files.delete_folder(folder)
        return [f"{folder}/"]


def _is_unfinished(path: str) -> bool:
    return path.rpartition("/")[2].startswith(".")
