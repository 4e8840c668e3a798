"""Is a version one of this run?"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from townlet.checkpoint.manifest import Manifest, folder_of
from townlet.errors import MismatchError


@dataclass(frozen=True)
class Expected:
    """What a run can take up. members: None where they come and go."""

    run: str
    config_digest: str
    layout_digest: str
    schedule: str
    members: AbstractSet[str] | None


def check_ours(manifest: Manifest, expected: Expected) -> None:
    """Raises MismatchError, which names everything that differs."""
    faults = [
        f"{words}: expected {ours}, found {theirs}"
        for words, ours, theirs in (
            ("run", expected.run, manifest.run),
            ("configuration", expected.config_digest, manifest.config_digest),
            ("record layout", expected.layout_digest, manifest.layout_digest),
            ("schedule", expected.schedule, manifest.schedule),
        )
        if ours != theirs
    ]
    if expected.members is not None:
        found = set(manifest.members)
        faults += [f"component {name} is missing" for name in sorted(expected.members - found)]
        faults += [f"component {name} is not one of this run's" for name in sorted(found - expected.members)]
    if faults:
        raise MismatchError(f"version {folder_of(manifest.version)}: {'; '.join(faults)}")
