"""What the conductor asks of the servers at the end of a round."""

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from learner.books import Books
from learner.holds import Holds
from learner.servicers import ControlServicer
from learner.versions import Versions
from protos import control_pb2
from townlet.rpc import LoopThread


class RoundEnds:
    """For the main thread; the work is done on the servers' event loop. cut_limit_s: for a version asked for here."""

    def __init__(
        self,
        loop: LoopThread,
        books: Books,
        holds: Holds,
        control: ControlServicer,
        versions: Versions,
        cut_limit_s: float,
    ) -> None:
        assert books.rounds is not None
        self._loop = loop
        self._books = books
        self._rounds = books.rounds
        self._holds = holds
        self._control = control
        self._versions = versions
        self._cut_limit_s = cut_limit_s

    @property
    def round(self) -> int:
        """The one that ends."""
        return self._rounds.round

    @property
    def newest_version(self) -> int | None:
        """None as long as there is none."""
        return self._versions.newest

    def all_ended(self) -> "Future[list[control_pb2.EndRoundRequest]]":
        """See `Rounds.all_ended`."""
        return self._loop.start(self._rounds.all_ended())

    def check(self) -> None:
        """Raises StartOverError when the run goes back to a version. Never waits."""
        self._rounds.check()

    def count(self, reports: Sequence[control_pb2.ReportRequest]) -> None:
        """Count what the actors did in the round, in this order."""

        async def count() -> None:
            for report in reports:
                self._control.count(report)

        self._loop.run(count())

    def go_on(self) -> bool:
        """Let the actors go on to the next round; whether a version is cut now."""

        async def go_on() -> bool:
            version = self._holds.version
            await self._rounds.go_on(version)
            return version != 0

        return self._loop.run(go_on())

    def start_version(self, why: str) -> "Future[int | None]":
        """Have a version made at the end of this round: a new one, unless one is asked for already."""

        async def make() -> int | None:
            if self._holds.version:
                return await self._versions.idle()
            return await self._versions.make(why, self._cut_limit_s)

        return self._loop.start(make())

    def version_asked_for(self) -> bool:
        """Whether a version is to be cut at the end of this round."""
        return self._holds.version != 0

    def figures(self) -> dict[str, Any]:
        """See `Books.figures`."""

        async def collect() -> dict[str, Any]:
            return self._books.figures()

        return self._loop.run(collect())
