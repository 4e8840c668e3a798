"""Records of files as messages, and back."""

from collections.abc import Iterable

from pydantic import ValidationError

from protos.version_pb2 import VersionFile
from townlet.checkpoint.manifest import FileRecord
from townlet.errors import InvalidRequestError


def encode_files(records: Iterable[FileRecord]) -> list[VersionFile]:
    """The messages."""
    return [VersionFile(**record.model_dump()) for record in records]


def decode_files(files: Iterable[VersionFile]) -> tuple[FileRecord, ...]:
    """The inverse. Raises InvalidRequestError."""
    try:
        return tuple(
            FileRecord(path=file.path, size=file.size, sha256=file.sha256, component=file.component) for file in files
        )
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"]))
        raise InvalidRequestError(f"files of a version: {place}: {fault['msg']}, found {fault['input']!r}") from None
