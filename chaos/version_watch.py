"""Looks at the versions of a run as they are: each one that is visible is whole, and none that was newest goes away."""

from pathlib import Path

from chaos.model import Violation
from townlet.checkpoint.store import RESERVED, VersionStore
from townlet.errors import TownletError

Counts = dict[tuple[int, str, int], int]
"""Acknowledged episodes, by shard, actor and epoch."""


class VersionWatch:
    """verified: how many times a version was verified, every byte of it."""

    def __init__(self, store: VersionStore) -> None:
        self.verified = 0
        self._store = store
        self._newest = 0
        self._reserved = 0
        self._counts: Counts = {}
        self._floors: dict[int, Counts] = {}

    def note(self, counts: Counts) -> None:
        """Remember what had been acknowledged before the next version was begun. Called all the time."""
        reserved = self._reserved_now()
        for version in range(self._reserved + 1, reserved + 1):
            self._floors[version] = self._counts
        self._reserved, self._counts = reserved, counts

    def floor(self, version: int, shard: int) -> dict[tuple[str, int], int]:
        """How many episodes of each producer this version must hold at least."""
        counts = self._floors.get(version, {})
        return {(actor, epoch): count for (at, actor, epoch), count in counts.items() if at == shard}

    def check(self) -> list[Violation]:
        """Verify every version that is visible now."""
        found = []
        newest = self._store.newest() or 0
        if newest < self._newest:
            found.append(Violation("gone", f"version {self._newest} was complete, and {newest} is the newest now"))
        self._newest = max(newest, self._newest)
        for listed in self._store.versions():
            try:
                self._store.verify(listed.version)
                self.verified += 1
            except TownletError as error:
                if self._is_there(listed.version):  # else it was deleted meanwhile, its manifest first
                    found.append(Violation("torn", str(error)))
        return found

    def _is_there(self, version: int) -> bool:
        return version in [listed.version for listed in self._store.versions()]

    def _reserved_now(self) -> int:
        try:
            return int(Path(self._store.root, RESERVED).read_text())
        except FileNotFoundError:
            return 0
