"""Files on a local filesystem: a temporary name, fsync, rename, fsync of the folder."""

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from townlet.checkpoint.files import Publish
from townlet.errors import CheckpointError, UnavailableError
from townlet.failpoints import failpoint

BLOCK = 8 << 20


class LocalFiles:
    """A Files."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def root(self) -> str:
        return str(self._root)

    @contextmanager
    def staged(self, path: str, content: memoryview) -> Iterator[Publish]:
        final = self._root / path
        temporary = final.with_name(f".{final.name}.{secrets.token_hex(4)}")

        def publish() -> None:
            with _reporting(final, "written"):
                temporary.replace(final)
                failpoint("checkpoint.write.before_folder_fsync")
                _fsync_folder(final.parent)

        try:
            with _reporting(final, "written"):
                _make_folder(final.parent)
                _write(temporary, content)
            yield publish
        finally:
            with suppress(OSError):  # what stays is swept
                temporary.unlink()

    def blocks(self, path: str) -> Iterator[bytes]:
        try:
            with (self._root / path).open("rb", buffering=0) as file:
                while block := file.read(BLOCK):
                    yield block
        except (IsADirectoryError, NotADirectoryError):
            raise FileNotFoundError(path) from None
        except FileNotFoundError:
            raise
        except OSError as error:
            if error.errno == errno.EIO:  # the medium forgot it: as good as altered, and no reason to wait
                raise CheckpointError(f"{self._root / path}: expected a readable file, found {error}") from None
            raise UnavailableError(f"{self._root / path}: cannot be read: {error.strerror}") from error

    def sizes(self, folder: str = "") -> dict[str, int]:
        with _reporting(self._root / folder, "listed"):
            return dict(self._walk(folder))

    def folders(self) -> list[str]:
        with _reporting(self._root, "listed"):
            return sorted(entry.name for entry in _entries(self._root) if entry.is_dir())

    def delete(self, path: str) -> None:
        target = self._root / path
        with _reporting(target, "deleted"):
            target.unlink(missing_ok=True)
            if target.parent.is_dir():
                _fsync_folder(target.parent)

    def delete_folder(self, folder: str) -> None:
        target = self._root / folder
        with _reporting(target, "deleted"):
            if target.is_dir():
                shutil.rmtree(target)
                _fsync_folder(self._root)

    def _walk(self, folder: str) -> Iterator[tuple[str, int]]:
        for entry in _entries(self._root / folder):
            path = f"{folder}/{entry.name}".lstrip("/")
            if entry.is_dir():
                yield from self._walk(path)
            else:
                with suppress(FileNotFoundError):  # it was deleted since it was listed
                    yield path, entry.stat().st_size


@contextmanager
def _reporting(path: Path, done: str) -> Iterator[None]:
    """A disk that refuses is unavailable, in one sentence."""
    try:
        yield
    except OSError as error:
        raise UnavailableError(f"{path}: cannot be {done}: {error.strerror}") from error


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _write(path: Path, content: memoryview) -> None:
    with path.open("xb", buffering=0) as file:
        failpoint("checkpoint.write.before_content")
        rest = content
        while rest:
            rest = rest[file.write(rest[:BLOCK]) :]
        failpoint("checkpoint.write.before_fsync")
        os.fsync(file.fileno())


def _make_folder(folder: Path) -> None:
    """A new folder is durable once the one that holds it is."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _fsync_folder(folder.parent)


def _fsync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
