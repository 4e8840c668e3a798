"""What a shard does in lockstep: it gathers a round, commits it, and lets samples through in their order."""

import asyncio
from collections.abc import Iterable, Sequence

from protos import replay_pb2 as pb
from replay_service.commits import Commits
from replay_service.producers import Producers
from replay_service.rounds import Pushed, Rounds, WaitingEpisode
from replay_service.table import Table
from townlet.append_call import AppendMessage
from townlet.errors import InvalidRequestError, UnavailableError


class Lockstep:
    """Around the rounds of one shard, on its event loop."""

    def __init__(self, rounds: Rounds, table: Table, producers: Producers, commits: Commits) -> None:
        self.rounds = rounds
        self._table = table
        self._producers = producers
        self._commits = commits
        self._committing: asyncio.Task[None] | None = None
        self._turn_taken = asyncio.Condition()

    def append(self, request: AppendMessage) -> int:
        """Keep the episodes of a round; the actor's next sequence number."""
        actor, epoch, round = request.rest.actor, request.rest.epoch, request.rest.round
        if round == self.rounds.committed:
            raise UnavailableError(f"append by {actor}: round {round} has been committed")
        self.rounds.check(round)
        producer = self._producers.find(actor, epoch)
        for episode in request.episodes:
            expected = self.rounds.add(producer, WaitingEpisode(actor, epoch, episode.sequence, episode.records))
        return expected

    async def commit(self, round: int, pushed: Iterable[pb.Pushed], wait_s: float) -> bool:
        """Make a round visible and durable; whether it is, after at most `wait_s`. Repeating changes nothing."""
        self.rounds.check(round)
        if round == self.rounds.committed:
            return True
        if self._committing is None:
            actors = [Pushed(actor.actor, actor.epoch, actor.next_sequence) for actor in pushed]
            episodes = self.rounds.gathered(actors, self._producers.all())
            self._committing = asyncio.create_task(self._commit(round, episodes))
        done, _ = await asyncio.wait([self._committing], timeout=wait_s)
        if not done:
            return False
        committed, self._committing = self._committing, None
        if committed is not None:  # a repeated call may have seen the end before
            committed.result()
        return True

    async def turn(self, turn: int, wait_s: float) -> None:
        """Wait until it is this sample's turn. Raises UnavailableError when it does not come within `wait_s`."""
        if turn < 1:
            raise InvalidRequestError("sample: expected a turn, which lockstep needs, found none")
        try:
            async with asyncio.timeout(wait_s), self._turn_taken:
                await self._turn_taken.wait_for(lambda: self.rounds.is_turn(turn))
        except TimeoutError:
            raise UnavailableError(f"sample: turn {turn} has not come: one before it is missing") from None

    async def take_turn(self) -> None:
        """The sample has been drawn."""
        self.rounds.take_turn()
        async with self._turn_taken:
            self._turn_taken.notify_all()

    async def _commit(self, round: int, episodes: Sequence[WaitingEpisode]) -> None:
        stride = self._commits.stride
        appends = [
            self._commits.append(each.actor, each.epoch, each.sequence, each.records, len(each.records) // stride - 1)
            for each in episodes
        ]
        await asyncio.gather(*appends)
        self.rounds.commit(round)
