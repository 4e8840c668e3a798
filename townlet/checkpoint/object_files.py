"""Files in an object store, where a put is whole or did not happen."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import fsspec

from townlet.checkpoint.files import Publish
from townlet.errors import ConfigError, UnavailableError

BLOCK = 8 << 20


class ObjectFiles:
    """A Files of anything that fsspec can reach."""

    def __init__(self, url: str, options: dict[str, Any]) -> None:
        self._url = url.rstrip("/")
        # What other processes write and delete must be seen at once.
        uncached = {"use_listings_cache": False, "skip_instance_cache": True}
        try:
            self._fs, self._base = fsspec.core.url_to_fs(self._url, **{**uncached, **options})
        except (ImportError, ValueError) as error:
            raise ConfigError(
                f"{url}: expected a URL of a kind that is installed (townlet[s3]), found: {error}"
            ) from None

    @property
    def root(self) -> str:
        return self._url

    @contextmanager
    def staged(self, path: str, content: memoryview) -> Iterator[Publish]:
        def publish() -> None:
            with self._reporting(path, "written"):
                self._fs.pipe_file(self._at(path), bytes(content))

        yield publish

    def blocks(self, path: str) -> Iterator[bytes]:
        with self._reporting(path, "read"):
            size = self._fs.info(self._at(path))["size"]
            for start in range(0, size, BLOCK):
                yield self._fs.cat_file(self._at(path), start=start, end=min(start + BLOCK, size))

    def sizes(self, folder: str = "") -> dict[str, int]:
        with self._reporting(folder, "listed"):
            found = self._fs.find(self._at(folder), detail=True)
        below = len(self._base.rstrip("/")) + 1
        return {path[below:]: about["size"] for path, about in sorted(found.items()) if about["type"] == "file"}

    def folders(self) -> list[str]:
        try:
            with self._reporting("", "listed"):
                found = self._fs.ls(self._base, detail=True)
        except FileNotFoundError:
            return []
        return sorted(about["name"].rstrip("/").rpartition("/")[2] for about in found if about["type"] == "directory")

    def delete(self, path: str) -> None:
        try:
            with self._reporting(path, "deleted"):
                self._fs.rm_file(self._at(path))
        except FileNotFoundError:
            return

    def delete_folder(self, folder: str) -> None:
        for path in self.sizes(folder):
            self.delete(path)

    def _at(self, path: str) -> str:
        return f"{self._base.rstrip('/')}/{path}".rstrip("/")

    @contextmanager
    def _reporting(self, path: str, done: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except Exception as error:  # every kind of store has errors of its own, with no common parent
            raise UnavailableError(f"{self._url}/{path}: cannot be {done}: {error}") from error
