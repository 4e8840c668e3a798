"""Where the actors of a run in lockstep meet at the end of each round."""

import asyncio
from collections.abc import Sequence

from protos import control_pb2
from townlet.errors import MismatchError, StartOverError, UnavailableError


class Rounds:
    """Lives on the servers' event loop.

    actors: the fixed set, in the order in which what they bring becomes visible. round: the one that has ended, or
    ends now; 0 is the moment before the first.
    """

    def __init__(self, actors: Sequence[str], round: int) -> None:
        self.actors = tuple(actors)
        self.round = round
        self._here: dict[str, str] = {}
        self._ended: dict[str, control_pb2.EndRoundRequest] = {}
        self._hold_version = 0
        self._broken = ""
        self._changed = asyncio.Condition()

    async def admit(self, actor: str, incarnation: str) -> None:
        """An actor joins. Raises MismatchError for a stranger, UnavailableError while the run goes back to a version.

        An actor that died has taken its part of the round with it: everybody goes back.
        """
        if actor not in self.actors:
            raise MismatchError(
                f"{actor}: expected one of {', '.join(self.actors)}, whom lockstep waits for, found another"
            )
        if self._here.setdefault(actor, incarnation) != incarnation:
            await self.go_back(f"{actor} has restarted in round {self.round}")
        self._check_whole()

    async def end(self, request: control_pb2.EndRoundRequest, wait_s: float) -> control_pb2.EndRoundResponse:
        """Called for an actor that stands still; returns when all do and it may go on, or after `wait_s`."""
        actor = request.report.member
        if request.round > self.round:
            raise MismatchError(f"{actor}: expected to end round {self.round}, found {request.round}")
        if request.round == self.round:
            self._ended[actor] = request
            await self._notify()
            try:
                async with asyncio.timeout(wait_s), self._changed:
                    await self._changed.wait_for(lambda: self.round > request.round or self._broken)
            except TimeoutError:
                return control_pb2.EndRoundResponse()
            self._check_whole()
        return control_pb2.EndRoundResponse(go_on=True, hold_version=self._hold_version)

    async def all_ended(self) -> list[control_pb2.EndRoundRequest]:
        """What each actor brings, in their order, once all have ended the round. They stand still until `go_on`.

        Raises StartOverError when one of them has died.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: self._broken or not self.missing())
        self.check()
        return [self._ended[actor] for actor in self.actors]

    async def go_on(self, hold_version: int) -> None:
        """The round is over. hold_version: the version for which the actors deliver what they are; 0 for none."""
        self.round += 1
        self._hold_version = hold_version
        self._ended.clear()
        await self._notify()

    async def go_back(self, why: str) -> None:
        """The run goes back to a version: no round ends any more."""
        self._broken = self._broken or why
        await self._notify()

    def check(self) -> None:
        """Raises StartOverError when the run goes back to a version."""
        if self._broken:
            raise StartOverError(self._broken)

    def why_it_waits(self) -> str:
        """Whom the round waits for, in words; empty when it is the learner itself."""
        missing = self.missing()
        return f"round {self.round} waits for {', '.join(missing)}" if missing else ""

    def missing(self) -> list[str]:
        """Whom the round waits for."""
        return [actor for actor in self.actors if actor not in self._ended]

    def _check_whole(self) -> None:
        if self._broken:
            raise UnavailableError(f"the run goes back to a version: {self._broken}")

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()
