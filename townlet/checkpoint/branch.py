"""Begin another run at a version."""

from collections.abc import Callable
from datetime import datetime

from townlet.checkpoint.manifest import Manifest, Origin
from townlet.checkpoint.store import VersionStore
from townlet.errors import CheckpointError
from townlet.failpoints import failpoint


def branch(
    source: VersionStore,
    version: int,
    target: VersionStore,
    run: str,
    created_at: datetime,
    tell: Callable[[str], None] = lambda _: None,
) -> Manifest:
    """Copy a version, every byte verified, to a root that holds none, as the first version of `run`; its manifest.

    It keeps its ID, so that counters and IDs go on. It is a copy, segments included, because the two runs then owe
    each other nothing: either root may be deleted, collected or moved without a look at the other. A copy that dies
    halfway left no version, and can be begun again.
    tell: told of each component whose files are there.
    """
    if (found := target.newest()) is not None:
        raise CheckpointError(f"{target.root}: expected no version where a branch begins, found version {found}")
    opened = source.open(version)
    for component in opened.manifest.members:
        for record in opened.manifest.of(component):
            content = opened.read(record)
            if record.is_segment:
                target.write_segment(component, content)
            else:
                target.write(version, component, record.path.rpartition("/")[2], content)
        tell(component)
    failpoint("checkpoint.branch.before_manifest")
    origin = Origin(run=opened.manifest.run, version=version)
    branched = opened.manifest.model_copy(
        update={"run": run, "parent": None, "origin": origin, "created_at": created_at}
    )
    target.commit(branched)
    return branched
