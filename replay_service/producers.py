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

    def all(self) -> dict[str, Producer]:
        """By actor."""
        return self._known

    def open(self, actor: str) -> Producer:
        """Start the next epoch of an actor."""
        before = self._known.get(actor)
        self._known[actor] = Producer(before.epoch + 1 if before else 1, 0)
        return self._known[actor]

    def find(self, actor: str, epoch: int) -> Producer:
        """The producer behind an append.

        Raises FencedError when the actor has a newer epoch, SequenceError when this one never was, or is gone.
        """
        producer = self._known.get(actor)
        newest = producer.epoch if producer else 0
        if epoch > newest:
            raise SequenceError(
                f"append by {actor}: expected its newest epoch {newest}, found {epoch}: its epoch is gone"
            )
        if producer is None or epoch != newest:
            raise FencedError(f"append by {actor}: expected its newest epoch {newest}, found {epoch}")
        return producer

    def is_new(self, actor: str, epoch: int, sequence: int) -> bool:
        """Whether this is the actor's next sequence number, and not one that is stored already.

        Raises FencedError, or SequenceError when the number leaves a gap.
        """
        producer = self.find(actor, epoch)
        if sequence > producer.next_sequence:
            raise SequenceError(
                f"append by {actor}, epoch {epoch}: expected sequence number {producer.next_sequence}, found {sequence}"
            )
        return sequence == producer.next_sequence
