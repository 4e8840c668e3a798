"""Lockstep as a shard sees it: episodes wait, out of sight, until their round is committed. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from replay_service.producers import Producer
from townlet.errors import SequenceError, UnavailableError


@dataclass(frozen=True)
class Pushed:
    """What an actor has pushed up to the end of a round. next_sequence: all of its epoch before it are there."""

    actor: str
    epoch: int
    next_sequence: int


@dataclass(frozen=True)
class WaitingEpisode:
    """An episode that is acknowledged, but not yet committed."""

    actor: str
    epoch: int
    sequence: int
    records: bytes | memoryview


class Rounds:
    """The round that gathers, and the order of its samples.

    committed: the last round that was committed; None where the shard has to take up a version first.
    """

    def __init__(self, committed: int | None) -> None:
        self.committed = committed
        self._turn = 0
        self._waiting: dict[str, list[WaitingEpisode]] = {}

    def check(self, round: int) -> None:
        """Raises UnavailableError unless `round` is the next one, or the last one again: the run has moved apart."""
        if self.committed is None or round not in (self.committed, self.committed + 1):
            known = "none, since it has restarted" if self.committed is None else f"{self.committed + 1}"
            raise UnavailableError(
                f"round: this shard gathers round {known}, found {round}; it has to take up a version"
            )

    def add(self, producer: Producer, episode: WaitingEpisode) -> int:
        """Keep an episode until its round is committed; the actor's next sequence number. Repeating changes nothing.

        producer: as committed. Raises SequenceError when the number leaves a gap.
        """
        waiting = self._waiting.setdefault(episode.actor, [])
        expected = producer.next_sequence + len(waiting)
        if episode.sequence > expected:
            raise SequenceError(
                f"append by {episode.actor}, epoch {episode.epoch}: expected sequence number {expected}, found "
                f"{episode.sequence}"
            )
        if episode.sequence == expected:
            waiting.append(episode)
            expected += 1
        return expected

    def forget(self, actor: str) -> None:
        """The actor begins a new epoch: what an earlier one has pushed of the round that gathers is gone."""
        self._waiting.pop(actor, None)

    def gathered(self, pushed: list[Pushed], producers: Mapping[str, Producer]) -> list[WaitingEpisode]:
        """The episodes of the round that gathers, actor after actor as they are given, each actor's in its own order.

        Raises UnavailableError when not all are there.
        """
        for actor in pushed:
            waiting, producer = self._waiting.get(actor.actor, []), producers.get(actor.actor)
            found = (producer.epoch, producer.next_sequence + len(waiting)) if producer else (0, 0)
            if found != (actor.epoch, actor.next_sequence):
                raise UnavailableError(
                    f"{actor.actor}: expected epoch and next sequence number {actor.epoch}, {actor.next_sequence}, "
                    f"found {found[0]}, {found[1]}; this shard has to take up a version"
                )
        return [episode for actor in pushed for episode in self._waiting.get(actor.actor, [])]

    def commit(self, round: int) -> None:
        """The gathered episodes are in the table: from now on the next round gathers."""
        self.committed, self._turn = round, 0
        self._waiting.clear()

    def is_turn(self, turn: int) -> bool:
        """Whether a sample is the next one of its round. Raises UnavailableError when its turn has gone by."""
        if self.committed is None or turn <= self._turn:
            raise UnavailableError(
                f"sample: expected turn {self._turn + 1}, found {turn}; the shard has to take up a version"
            )
        return turn == self._turn + 1

    def take_turn(self) -> None:
        """A sample has been drawn: the next one may be."""
        self._turn += 1
