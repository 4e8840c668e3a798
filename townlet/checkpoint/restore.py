"""Make the newest version one that holds what an older one does, so that the run goes on from there."""

from datetime import datetime

from townlet.checkpoint.manifest import FileRecord, Manifest, folder_of
from townlet.checkpoint.store import VersionStore
from townlet.errors import TownletError
from townlet.failpoints import failpoint


def copy_as_newest(store: VersionStore, manifest: Manifest, created_at: datetime) -> Manifest:
    """Copy a verified version under a new ID; the copy's manifest, which says what it restores.

    Its commit decides: before it nothing has changed, after it the run goes on from the copy, whatever dies. Its own
    files are copied, so that the version which it restores may be deleted; segments are shared. Raises TownletError,
    and then there is no copy.
    """
    copy = store.reserve()
    try:
        opened = store.open(manifest.version, manifest.members[0])
        files: list[FileRecord] = []
        for record in manifest.files:
            name = record.path.rpartition("/")[2]
            files.append(
                record if record.is_segment else store.write(copy, record.component, name, opened.read(record))
            )
        failpoint("restore.before_commit")
        about = {"version": copy, "parent": manifest.version, "restores": manifest.version}
        copied = manifest.model_copy(update={**about, "created_at": created_at, "files": tuple(files)})
        store.commit(copied)
    except TownletError:
        store.abort(copy)
        raise
    assert all(record.is_segment or record.path.startswith(folder_of(copy)) for record in copied.files)
    return copied
