"""Is a version one of this run?"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from townlet.checkpoint.manifest import Manifest, folder_of
from townlet.config import Config
from townlet.config_changes import Change, changes, from_tree
from townlet.errors import ForeignVersionError


@dataclass(frozen=True)
class Expected:
    """What a run can take up. members: who must be in it. closed: nobody else may be; else others come and go."""

    config: Config
    layout_digest: str
    schedule: str
    members: AbstractSet[str]
    closed: bool


def check_ours(manifest: Manifest, expected: Expected) -> tuple[Change, ...]:
    """What has changed since in the configuration, and may. A configuration that is not known is not compared.

    Raises ForeignVersionError, which names everything that differs and may not.
    """
    where = f"version {folder_of(manifest.version)}"
    before = None if manifest.config is None else from_tree(manifest.config, where)
    found = () if before is None else changes(before, expected.config)
    faults = list(_faults(manifest, expected))
    faults += [f"configuration: {change}" for change in found if not change.allowed]
    if faults:
        raise ForeignVersionError(f"{where}: {'; '.join(faults)}")
    return found


def _faults(manifest: Manifest, expected: Expected) -> Iterator[str]:
    """All but the configuration."""
    pairs = (
        ("run", expected.config.run.name, manifest.run),
        ("record layout", expected.layout_digest, manifest.layout_digest),
        ("schedule", expected.schedule, manifest.schedule),
    )
    yield from (f"{words}: expected {ours}, found {theirs}" for words, ours, theirs in pairs if ours != theirs)
    found = set(manifest.members)
    yield from (f"component {name} is missing" for name in sorted(expected.members - found))
    if expected.closed:
        yield from (f"component {name} is not one of this run's" for name in sorted(found - expected.members))
