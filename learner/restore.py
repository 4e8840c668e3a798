"""Takes the whole running system back to a version."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import structlog

from learner.head import Head
from learner.versions import Versions
from protos import admin_pb2 as pb
from townlet.admin.archive import verify
from townlet.checkpoint.manifest import Manifest
from townlet.checkpoint.restore import copy_as_newest
from townlet.checkpoint.store import VersionStore
from townlet.errors import RefusedError
from townlet.failpoints import failpoint

TELL_S = 0.2
"""So long the learner still lives once the copy is committed, so that whoever asked hears of it."""
REJOIN_S = 30.0
"""So long the first version after a restore waits for the actors."""
POLL_S = 0.1

log = structlog.get_logger()


class Restore:
    """Lives on the servers' event loop. start_over: has the learner start over, with the reason.

    check_ours: raises ForeignVersionError for a version that this run cannot take up.
    """

    def __init__(
        self,
        store: VersionStore,
        versions: Versions,
        check_ours: Callable[[Manifest], object],
        start_over: Callable[[str], Awaitable[None]],
    ) -> None:
        self._store = store
        self._versions = versions
        self._check_ours = check_ours
        self._start_over = start_over
        self._under_way = 0

    async def to(self, version: int, tell: Callable[[pb.RestoreVersionResponse], None]) -> None:
        """Verify a version, commit a copy of it, and have the learner start over from that.

        Raises RefusedError, ForeignVersionError or CheckpointError, and then nothing has changed.
        """
        if self._under_way:
            raise RefusedError(f"restore {version}: a restore of version {self._under_way} is under way")
        self._under_way = version
        await self._versions.one_at_a_time.acquire()
        try:
            copy = await asyncio.to_thread(self._copy, version, tell)
        except BaseException:
            self._under_way = 0
            self._versions.one_at_a_time.release()
            raise
        # From here on nobody makes another version in this life: the lock is never given back.
        tell(pb.RestoreVersionResponse(committed_version=copy.version))
        log.warning("restores", version=version, copy=copy.version, effect="everyone starts over")
        await asyncio.sleep(TELL_S)
        await self._start_over(f"the run is taken back to version {version}, as version {copy.version}")

    def _copy(self, version: int, tell: Callable[[pb.RestoreVersionResponse], None]) -> Manifest:
        self._check_ours(self._store.manifest(version))
        manifest = verify(self._store, version, lambda done: tell(pb.RestoreVersionResponse(verified=done)))
        copy = copy_as_newest(self._store, manifest, datetime.now(UTC))
        failpoint("restore.after_commit")
        return copy


async def settle(manifest: Manifest, head: Head, versions: Versions) -> None:
    """After a restore: make a version as soon as the actors are back, so that nobody goes back a second time."""
    expected = {name for name, member in head.members.items() if member.lanes and name in manifest.members}
    until_s = time.monotonic() + REJOIN_S
    while not expected <= set(head.present_actors(time.monotonic())) and time.monotonic() < until_s:
        await asyncio.sleep(POLL_S)
    await versions.make("the run was taken back to a version")
