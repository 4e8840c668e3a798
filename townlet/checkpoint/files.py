"""Whole files below a root: what a store of versions asks of a disk or an object store."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

Publish = Callable[[], None]


class Files(Protocol):
    """Paths are relative to the root, with slashes. Every method raises UnavailableError when the medium refuses."""

    @property
    def root(self) -> str:
        """Where all is, for messages."""

    def staged(self, path: str, content: memoryview) -> AbstractContextManager[Publish]:
        """Within: the content is safe, and invisible. Calling what is yielded makes it the file, durably, as one step.

        Without that call nothing is left.
        """

    def blocks(self, path: str) -> Iterator[bytes]:
        """The content, piece by piece. Raises FileNotFoundError."""

    def sizes(self, folder: str = "") -> dict[str, int]:
        """Bytes of every file below a folder, by path; unfinished ones begin with a dot. Empty where there is none."""

    def folders(self) -> list[str]:
        """Names of the folders directly below the root, empty ones included where there can be any."""

    def delete(self, path: str) -> None:
        """Take one file away, durably; nothing happens where there is none."""

    def delete_folder(self, folder: str) -> None:
        """Take a folder away with all that is in it, in any order; nothing happens where there is none."""


def files_at(root: str | Path, options: dict[str, Any] | None = None) -> Files:
    """The files below a path or a URL that fsspec understands. options: of fsspec's filesystem of that kind."""
    kind, _, rest = str(root).partition("://")
    if not rest or kind in ("file", "local"):
        from townlet.checkpoint.local_files import LocalFiles

        return LocalFiles(Path(rest or root))
    from townlet.checkpoint.object_files import ObjectFiles  # fsspec only where it is used

    return ObjectFiles(str(root), options or {})
