"""Where actors stand still while a version is cut, and leave their files when it has been."""

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass

from townlet.checkpoint.manifest import FileRecord
from townlet.errors import CheckpointError

LOOK_S = 0.5


@dataclass(frozen=True)
class Held:
    """What an actor that holds is told. go_on: the version is cut, or given up. deliver: its files are wanted.

    cut: the version is cut; of the last one this is so while nobody goes on.
    """

    go_on: bool
    deliver: bool
    cut: bool = False


class Holds:
    """Lives on the servers' event loop. version: the one for which actors shall stand still; 0 for none."""

    def __init__(self) -> None:
        self.version = 0
        self._preparing = 0
        self._last = 0
        """The version after which nobody goes on, once it is cut."""
        self._expected: frozenset[str] = frozenset()
        self._holding: set[str] = set()
        self._files: dict[str, tuple[FileRecord, ...]] = {}
        self._failure = ""
        self._changed = asyncio.Condition()

    def ask(self, version: int, actors: Collection[str]) -> None:
        """Ask these actors to hold for a version."""
        self.version = self._preparing = version
        self._expected, self._holding, self._files, self._failure = frozenset(actors), set(), {}, ""

    async def announce(
        self, version: int, actors: Collection[str], is_there: Callable[[str], bool] = lambda _: True
    ) -> None:
        """Ask these actors to hold for a version, and wait until all of them do, but for those that are gone."""
        self.ask(version, actors)
        while not await self._all_hold(LOOK_S):
            for actor in self.missing():
                if not is_there(actor):
                    await self.leave(actor)

    async def _all_hold(self, wait_s: float) -> bool:
        """Whether all do that are expected to, after `wait_s` at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(wait_s), self._changed:
                await self._changed.wait_for(lambda: self._holding >= self._expected)
        return self._holding >= self._expected

    def missing(self) -> list[str]:
        """Who has been asked to hold, and moves yet."""
        return sorted(self._expected - self._holding)

    async def release(self) -> None:
        """Let the actors go on: the version has been cut."""
        self.version = 0
        await self._notify()

    async def keep(self) -> None:
        """Have the actors stand still on for as long as this process lives: the last version has been cut."""
        self._last = self.version
        await self._notify()

    async def delivered(self) -> dict[str, tuple[FileRecord, ...]]:
        """The files of every actor that was asked, once they are there. Raises CheckpointError when one failed."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._failure or self._files.keys() >= self._expected)
        if self._failure:
            raise CheckpointError(self._failure)
        return self._files

    async def end(self) -> None:
        """The version is complete, or given up: nothing more is wanted for it."""
        self.version, self._preparing = self._last, 0
        await self._notify()

    async def hold(self, actor: str, version: int, wait_s: float) -> Held:
        """Called for an actor that stands still; returns when the version is cut, or after `wait_s`."""
        if version == self.version:
            knew_of_cut = version == self._last
            self._holding.add(actor)
            await self._notify()
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s), self._changed:
                    await self._changed.wait_for(
                        lambda: version != self.version or (version == self._last and not knew_of_cut)
                    )
        return self._held(actor, version)

    def _held(self, actor: str, version: int) -> Held:
        go_on, last = version != self.version, version == self._last
        if not go_on and not last:
            return Held(go_on=False, deliver=True)
        return Held(go_on=go_on, deliver=version == self._preparing and actor in self._expected, cut=True)

    async def deliver(self, actor: str, version: int, files: Collection[FileRecord], failure: str) -> None:
        """Called with an actor's files, or why there are none."""
        if version != self._preparing or actor not in self._expected:
            return
        if failure:
            self._failure = f"{actor}: {failure}"
        else:
            self._files[actor] = tuple(files)
        await self._notify()

    async def leave(self, actor: str) -> None:
        """An actor has left: nobody waits for it, and what it has delivered counts."""
        self._expected -= {actor} - self._files.keys()
        await self._notify()

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()
