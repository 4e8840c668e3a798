"""What a version consists of: the one file that makes it a version."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AwareDatetime, Field, StringConstraints, ValidationError, model_validator

from townlet.errors import CheckpointError
from townlet.settings import Settings

FORMAT: Final = 2
"""Counts up whenever an older Townlet could not read what this one writes, components included."""

Migration = Callable[[dict[str, Any]], dict[str, Any]]
MIGRATIONS: dict[int, Migration] = {1: lambda old: {**old, "format": 2, "config": None}}
"""By the older format: what makes a manifest of the next one out of it.

1: said only the digest of its configuration.
"""

MANIFEST = "manifest.json"
SEGMENTS = "segments"

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$")]
"""Of a component or a file: never hidden, never a path."""
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
NaturalNumber = Annotated[int, Field(ge=0)]
VersionID = Annotated[int, Field(ge=1)]


class FileRecord(Settings):
    """One file. path: relative to the root, with slashes. component: whose it is."""

    path: str
    size: NaturalNumber
    sha256: Sha256
    component: Name

    @property
    def is_segment(self) -> bool:
        """Is it shared between versions?"""
        return self.path.startswith(f"{SEGMENTS}/")


class Origin(Settings):
    """Where a branch began."""

    run: str
    version: VersionID


class Manifest(Settings):
    """A version. parent: the version of the same run that it grew from. metrics: what retention may compare.

    config: the run's configuration, as plain values; None where it is not known.
    restores: the version that it is a copy of, made to take the run back to it; None for one that was trained.
    set_values: what was set while the run trained, by path in the configuration.
    members: the components without which it is not whole; each file is one's, and each has at least one.
    """

    format: Literal[2] = FORMAT
    version: VersionID
    run: str
    parent: VersionID | None = None
    origin: Origin | None = None
    restores: VersionID | None = None
    created_at: AwareDatetime
    config_digest: str
    config: dict[str, Any] | None = None
    layout_digest: str
    schedule: Literal["async", "lockstep"]
    counters: dict[str, int]
    metrics: dict[str, float]
    set_values: dict[str, float | None] = Field(default_factory=dict)
    members: tuple[Name, ...]
    files: tuple[FileRecord, ...]

    def of(self, component: str) -> tuple[FileRecord, ...]:
        """A component's files, in the order in which it gave them. Raises CheckpointError when there are none."""
        records = tuple(record for record in self.files if record.component == component)
        if not records:
            raise CheckpointError(
                f"version {folder_of(self.version)}: component {component} is missing; found {', '.join(self.members)}"
            )
        return records

    @model_validator(mode="after")
    def _files_are_its_own(self) -> Self:
        paths = [record.path for record in self.files]
        if len(set(paths)) < len(paths):
            raise ValueError(f"expected each file once, found {max(paths, key=paths.count)} again")
        if len(set(self.members)) < len(self.members):
            raise ValueError("expected each member once")
        owners = {record.component for record in self.files}
        if owners != set(self.members):
            odd = min(owners ^ set(self.members))
            raise ValueError(f"expected files of the members and of no one else, found {odd} without the other")
        for record in self.files:
            folder, _, name = record.path.rpartition("/")
            if folder not in (folder_of(self.version), f"{SEGMENTS}/{record.component}") or not _is_name(name):
                raise ValueError(f"expected files of version {self.version} and segments, found {record.path}")
        return self


def folder_of(version: int) -> str:
    """000042"""
    return f"{version:06d}"


def version_of(folder: str) -> int | None:
    """The inverse; None when the folder is no version's."""
    version = int(folder) if re.fullmatch(r"[0-9]{6,18}", folder) else 0
    return version if version >= 1 and folder_of(version) == folder else None


def check_name(name: str, what: str) -> None:
    """Raises CheckpointError unless a file or folder may be called so."""
    if not _is_name(name) or name == MANIFEST:
        raise CheckpointError(f"{what}: expected letters, digits, dots and dashes, no dot first, found {name!r}")


def encode_manifest(manifest: Manifest) -> bytes:
    """Its file, which ends with a digest of all the rest."""
    return _sealed(manifest.model_dump(mode="json"))


def decode_manifest(content: bytes, source: str, migrations: Mapping[int, Migration] = MIGRATIONS) -> Manifest:
    """The inverse of `encode_manifest`, of older formats too. source: its file, for messages.

    Raises CheckpointError when it was altered in a single bit, or is of a newer format.
    """
    raw = _unsealed(content, source)
    try:
        while raw["format"] != FORMAT:
            raw = migrations[raw["format"]](raw)
    except KeyError:
        raise CheckpointError(f"{source}: expected format {FORMAT}, found {raw.get('format')!r}") from None
    try:
        return Manifest.model_validate_json(json.dumps(raw))
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(str(step) for step in fault["loc"])
        raise CheckpointError(f"{source}: {place or 'files'}: {fault['msg']}") from None


def _sealed(raw: dict[str, Any]) -> bytes:
    sealed = {**raw, "digest": hashlib.sha256(_canonical(raw)).hexdigest()}
    return _canonical(sealed)


def _unsealed(content: bytes, source: str) -> dict[str, Any]:
    """The format is judged before the digest: a newer one may have another digest."""
    try:
        raw = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{source}: expected a manifest, found {len(content)} bytes: {error}") from None
    if type(raw) is not dict or type(raw.get("format")) is not int:
        raise CheckpointError(f"{source}: expected a manifest with a format, found another JSON value")
    if raw["format"] > FORMAT:
        raise CheckpointError(
            f"{source}: expected format {FORMAT} or older, found {raw['format']}: a newer Townlet wrote it"
        )
    body = {key: value for key, value in raw.items() if key != "digest"}
    if _sealed(body) != content:
        found = hashlib.sha256(_canonical(body)).hexdigest()
        raise CheckpointError(f"{source}: expected digest {raw.get('digest')}, found {found}: the file was altered")
    return body


def _canonical(raw: dict[str, Any]) -> bytes:
    return (json.dumps(raw, indent=1) + "\n").encode()


def _is_name(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}", name) is not None
