"""A version that is read: every byte that is handed out was verified, as the very bytes that are handed out."""

import hashlib
from collections.abc import Iterable

from townlet.checkpoint.files import Files
from townlet.checkpoint.manifest import FileRecord, Manifest, folder_of
from townlet.checkpoint.state import State, decode_state
from townlet.errors import CheckpointError


class OpenVersion:
    """A version's manifest and files."""

    def __init__(self, files: Files, manifest: Manifest) -> None:
        self.manifest = manifest
        self._files = files
        self._kept: dict[str, bytes] = {}

    def verify(self, component: str | None = None, *, keep_bytes: int = 0) -> None:
        """Verify one component's files, or all. Raises CheckpointError, which names the first file that is damaged.

        keep_bytes: so much of what was verified stays in memory until it is read, so that it is not read twice.
        """
        for record in self.manifest.files if component is None else self.manifest.of(component):
            kept = record.size <= keep_bytes
            content = self._verified(record, keep=kept)
            if kept:
                self._kept[record.path] = content
                keep_bytes -= record.size

    def read(self, record: FileRecord) -> bytes:
        """A file's content. What `verify` kept is handed out once, and its memory is then the caller's."""
        kept = self._kept.pop(record.path, None)
        return self._verified(record, keep=True) if kept is None else kept

    def file(self, component: str, name: str) -> bytes:
        """A file of a component. Raises CheckpointError when there is none of that name, or it is damaged."""
        return self.read(self._record(component, name))

    def state(self, component: str) -> State:
        """A component's state, as `encode_state` was given it."""
        tree, tensors = (self.file(component, f"{component}{end}") for end in (".json", ".safetensors"))
        return decode_state(tree, tensors, f"{self._files.root}/{folder_of(self.manifest.version)}/{component}")

    def segments(self, component: str) -> tuple[FileRecord, ...]:
        """A component's segments, in the order in which it gave them."""
        return tuple(record for record in self.manifest.of(component) if record.is_segment)

    def _record(self, component: str, name: str) -> FileRecord:
        path = f"{folder_of(self.manifest.version)}/{name}"
        for record in self.manifest.of(component):
            if record.path == path:
                return record
        raise CheckpointError(f"{self._files.root}/{path}: expected a file of {component}, found none in its version")

    def _verified(self, record: FileRecord, *, keep: bool) -> bytes:
        """The content if it is to be kept."""
        where, blocks, size, digest = f"{self._files.root}/{record.path}", [], 0, hashlib.sha256()
        for block in self._blocks(record):
            size += len(block)
            digest.update(block)
            if keep:
                blocks.append(block)
            if size > record.size:
                raise CheckpointError(f"{where}: expected {record.size} bytes, found more")
        if size < record.size:
            raise CheckpointError(f"{where}: expected {record.size} bytes, found {size}")
        if digest.hexdigest() != record.sha256:
            raise CheckpointError(f"{where}: expected sha256 {record.sha256}, found {digest.hexdigest()}")
        return b"".join(blocks)

    def _blocks(self, record: FileRecord) -> Iterable[bytes]:
        try:
            yield from self._files.blocks(record.path)
        except FileNotFoundError:
            where = f"{self._files.root}/{record.path}"
            raise CheckpointError(f"{where}: expected {record.size} bytes, found no such file") from None
