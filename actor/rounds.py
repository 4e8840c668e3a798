"""An actor's part in lockstep: it ends each round together with all others."""

from actor.append_client import AppendClient
from actor.reporter import Reporter
from actor.versions import ActorVersions
from townlet.errors import StartOverError, UnknownMemberError


class Rounds:
    """Round N is lived with policy N; what it brings becomes visible to the learner when all have ended it."""

    def __init__(self, shard: int, replay: AppendClient, reporter: Reporter, versions: ActorVersions) -> None:
        self._shard = shard
        self._replay = replay
        self._reporter = reporter
        self._versions = versions

    def begin(self, round: int) -> None:
        """What is pushed from now on belongs to this round."""
        self._replay.round = round

    def end(self, round: int) -> None:
        """Stand still until everybody has ended the round. Raises StartOverError when the run goes back to a version.

        Gives up when the process stops.
        """
        self._replay.flush()
        pushed = (self._shard, self._replay.epoch, self._replay.next_sequence)
        try:
            hold_version = self._reporter.end_round(round, *pushed)
        except UnknownMemberError as error:
            raise StartOverError(str(error)) from None
        if hold_version:
            self._versions.save(hold_version)
