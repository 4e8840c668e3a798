"""Who may append, and what comes next: exactly once, by producer epoch and sequence number (as in Kafka's KIP-98)."""

from dataclasses import dataclass

from townlet.errors import FencedError, SequenceError


@dataclass
class Producer:
    """One actor as this shard knows it."""

    epoch: int
    next_sequence: int


class Producers:
    """Every actor that ever appended to this shard."""

    def __init__(self, known: dict[str, Producer] | None = None) -> None:
        self._known = known or {}

    def open(self, actor: str) -> Producer:
        """Start the next epoch of an actor."""
        before = self._known.get(actor)
        self._known[actor] = Producer(before.epoch + 1 if before else 1, 0)
        return self._known[actor]

    def find(self, actor: str, epoch: int) -> Producer:
        """The producer behind an append.

        Raises FencedError when the epoch is not the actor's newest.
        """
        producer = self._known.get(actor)
        newest = producer.epoch if producer else 0
        if producer is None or epoch != newest:
            raise FencedError(f"append by {actor}: expected its newest epoch {newest}, found {epoch}")
        return producer

    def duplicates(self, actor: str, epoch: int, first_sequence: int) -> int:
        """How many sequence numbers from `first_sequence` on are stored already.

        Raises FencedError, or SequenceError when the number leaves a gap.
        """
        producer = self.find(actor, epoch)
        if first_sequence > producer.next_sequence:
            raise SequenceError(
                f"append by {actor}, epoch {epoch}: expected sequence number {producer.next_sequence}, "
                f"found {first_sequence}"
            )
        return producer.next_sequence - first_sequence
