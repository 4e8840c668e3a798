"""What a shard must hold, told by what its clients were answered. Pure: no network, no clock.

A producer's epoch holds the episodes that were sent, in order, without a gap: all that were acknowledged, and of those
that were never answered the first ones or none.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from chaos.episodes import KnownEpisodes


@dataclass(frozen=True)
class Violation:
    """A promise that was broken. kind: one word, such as lost. seed: of the round."""

    kind: str
    what: str
    seed: int = 0


@dataclass(frozen=True)
class Held:
    """An episode that is stored. order: its place among all of the shard. name: actor/epoch/sequence."""

    order: int
    name: str
    records: bytes

    @property
    def producer(self) -> tuple[str, int]:
        """Actor and epoch."""
        actor, epoch, _ = self.name.rsplit("/", 2)
        return actor, int(epoch)

    @property
    def sequence(self) -> int:
        return int(self.name.rpartition("/")[2])


@dataclass
class Epoch:
    """One epoch of one client. sent: episode numbers, in the order of their sequence numbers."""

    sent: list[int] = field(default_factory=list)
    acknowledged: int = 0


@dataclass
class Client:
    """All that one recording client has done at one shard. seen: episode numbers that it was shown by Sample."""

    actor: str
    epochs: dict[int, Epoch] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)

    @property
    def acknowledged(self) -> int:
        """Episodes, over all epochs."""
        return sum(epoch.acknowledged for epoch in list(self.epochs.values()))  # they grow meanwhile


class ShardModel:
    """The clients of one shard, and what they make of it."""

    def __init__(self, clients: Iterable[Client], known: KnownEpisodes) -> None:
        self.clients = {client.actor: client for client in clients}
        self._known = known

    @property
    def acknowledged(self) -> int:
        """Episodes, over all clients."""
        return sum(client.acknowledged for client in self.clients.values())

    def check(self, held: list[Held], at_least: dict[tuple[str, int], int] | None = None) -> list[Violation]:
        """What is wrong with all that a shard holds.

        at_least: how many episodes of each producer must be there, where it is not all that were acknowledged.
        """
        found: list[Violation] = []

        def wrong(kind: str, what: str) -> None:
            found.append(Violation(kind, what))

        by_producer: dict[tuple[str, int], list[Held]] = {}
        for episode in sorted(held, key=lambda episode: episode.order):
            by_producer.setdefault(episode.producer, []).append(episode)
        for producer, episodes in by_producer.items():
            _check_sequence(producer, episodes, wrong)
            if producer[0] in self.clients:
                self._check_content(producer, episodes, wrong)
        for client in self.clients.values():
            for number, epoch in client.epochs.items():
                producer = (client.actor, number)
                least = epoch.acknowledged if at_least is None else at_least.get(producer, 0)
                if (there := len(by_producer.get(producer, ()))) < least:
                    wrong("lost", f"{client.actor}, epoch {number}: {least} episodes acknowledged, {there} held")
        self._check_marks(held, wrong, seen=at_least is None)
        return found

    def fall_back(self, held: list[Held]) -> None:
        """From now on the shard is one that holds these, which have been checked, and never held anything else."""
        counts = Counter(episode.producer for episode in held)
        for client in self.clients.values():
            client.seen.clear()
            for number, epoch in list(client.epochs.items()):
                epoch.acknowledged = counts[client.actor, number]
                del epoch.sent[epoch.acknowledged :]
                if not epoch.sent:
                    del client.epochs[number]

    def _check_content(
        self, producer: tuple[str, int], episodes: list[Held], wrong: Callable[[str, str], None]
    ) -> None:
        actor, number = producer
        epoch = self.clients[actor].epochs.get(number, Epoch())
        for episode in episodes:
            if episode.sequence >= len(epoch.sent):
                wrong("unknown", f"{episode.name} is held and was never appended")
            elif episode.records != self._known.make(epoch.sent[episode.sequence]):
                wrong("altered", f"{episode.name} is not byte for byte what was appended")

    def _check_marks(self, held: list[Held], wrong: Callable[[str, str], None], *, seen: bool) -> None:
        """No episode is there under two names, and what was shown once is there."""
        there: dict[int, str] = {}
        for episode in held:
            number = int(self._known.numbers(self._known.rows(episode.records[:]))[0])
            if number and there.setdefault(number, episode.name) != episode.name:
                wrong("doubled", f"{there[number]} and {episode.name} are the same episode")
        for client in self.clients.values():
            if seen and (gone := client.seen - there.keys()):
                wrong("lost", f"{client.actor} was shown episodes that are not held: {sorted(gone)[:5]}")


def _check_sequence(producer: tuple[str, int], episodes: list[Held], wrong: Callable[[str, str], None]) -> None:
    """Sequence numbers count from 0, each once, in the order of the shard."""
    what = f"{producer[0]}, epoch {producer[1]}"
    sequences = [episode.sequence for episode in episodes]
    if len(set(sequences)) < len(sequences):
        wrong("doubled", f"{what}: {len(sequences) - len(set(sequences))} sequence numbers are held twice")
    elif set(sequences) != set(range(len(sequences))):
        missing = sorted(set(range(max(sequences) + 1)) - set(sequences))
        wrong("lost", f"{what}: a gap before sequence number {max(sequences)}: {missing[:5]} are missing")
    elif sequences != sorted(sequences):
        wrong("order", f"{what}: episodes are held in another order than they were appended in")
