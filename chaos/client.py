"""A client that does what actors do, and worse, and compares every answer with the model."""

import random
import threading
from collections.abc import Callable

from chaos.connection import Connection
from chaos.episodes import KnownEpisodes
from chaos.model import Client, Epoch, Violation
from townlet.errors import FencedError, SequenceError, TownletError, UnavailableError
from townlet.worker import Worker

MOST_THINK_S = 0.08
MOST_EPISODES = 4
MOST_WINDOWS = 64
GAP = 3

OPERATIONS = {
    "append": 60,
    "repeat": 8,
    "sample": 14,
    "stats": 10,
    "reopen": 3,
    "write_as_a_zombie": 3,
    "leave_a_gap": 3,
}
"""What a client does next, and how likely; an append that was not answered comes first, unless it is abandoned."""
ABANDONED = 0.15
"""How likely a client gives an append that was not answered up, and starts anew, as an actor that died."""


class RecordingClient:
    """One producer at one shard. Use as a context manager: it works in the background until then.

    did: the model of what it has done. first: of the numbers of its episodes, which have the upper 8 bits to
    themselves. on_violation: told of each wrong answer.
    """

    def __init__(
        self,
        did: Client,
        shard: Connection,
        known: KnownEpisodes,
        first: int,
        seed: str,
        on_violation: Callable[[Violation], None],
    ) -> None:
        self.did = did
        self.working = threading.Lock()
        """Held during each operation: whoever holds it has the client stand still."""
        self._shard = shard
        self._known = known
        self._number = first
        self._random = random.Random(seed)
        self._on_violation = on_violation
        self._epoch = 0
        self._unanswered: list[int] = []
        self._appended = 0
        self._stop = threading.Event()
        self._worker = Worker("client", self._work, self._stop)

    def __enter__(self) -> "RecordingClient":
        self._worker.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._worker.__exit__(*exception)  # type: ignore[arg-type]  # the interpreter's three
        self._shard.close()

    def begin_anew(self) -> None:
        """The shard has fallen back. Called while the client stands still."""
        self._epoch, self._unanswered, self._appended = 0, [], 0

    def _work(self) -> None:
        while not self._stop.wait(self._random.uniform(0.0, MOST_THINK_S)):
            with self.working:
                operation = self._next()
                try:
                    getattr(self, f"_{operation}")()
                except UnavailableError:
                    continue  # somebody is away: try again, or give it up
                except TownletError as error:
                    self._wrong("refused", f"{operation}: {type(error).__name__}: {error}")
                    self._epoch = 0

    def _next(self) -> str:
        if not self._epoch:
            return "reopen"
        if self._unanswered:
            return "reopen" if self._random.random() < ABANDONED else "append"
        return self._random.choices(list(OPERATIONS), list(OPERATIONS.values()))[0]

    # The operations

    def _reopen(self) -> None:
        self._epoch, self._unanswered = 0, []
        epoch = self._shard.open()
        if epoch <= max(self.did.epochs, default=0):
            self._wrong("doubled", f"epoch {epoch} was given before")
        self._epoch = epoch
        self.did.epochs[epoch] = Epoch()

    def _append(self) -> None:
        epoch = self.did.epochs[self._epoch]
        if not self._unanswered:
            self._unanswered = [self._new() for _ in range(self._random.randint(1, MOST_EPISODES))]
            epoch.sent += self._unanswered
        first = len(epoch.sent) - len(self._unanswered)
        answer = self._shard.append(self._epoch, first, self._made(self._unanswered))
        complete = answer.next_sequence == len(epoch.sent)
        if not first <= answer.next_sequence <= len(epoch.sent) or not (complete or answer.blocked_by):
            self._wrong("answer", f"append of {first} to {len(epoch.sent) - 1}: next is {answer.next_sequence}")
        epoch.acknowledged = max(epoch.acknowledged, answer.next_sequence)
        self._unanswered = epoch.sent[epoch.acknowledged :]

    def _repeat(self) -> None:
        epoch = self.did.epochs[self._epoch]
        if epoch.acknowledged:
            first = self._random.randrange(epoch.acknowledged)
            answer = self._shard.append(self._epoch, first, self._made(epoch.sent[first : first + MOST_EPISODES]))
            if answer.next_sequence != len(epoch.sent):
                self._wrong("answer", f"repeated append: next is {answer.next_sequence}, expected {len(epoch.sent)}")

    def _write_as_a_zombie(self) -> None:
        old = self._epoch - 1
        if old:
            following = len(self.did.epochs[old].sent) if old in self.did.epochs else 0
            self._expect_refusal(FencedError, old, following)

    def _leave_a_gap(self) -> None:
        self._expect_refusal(SequenceError, self._epoch, len(self.did.epochs[self._epoch].sent) + GAP)

    def _sample(self) -> None:
        rows = self._known.rows(self._shard.sample(self._random.randint(1, MOST_WINDOWS)))
        for number, row in zip(self._known.numbers(rows).tolist(), rows, strict=True):
            if number >> 24 == self._number >> 24:
                self.did.seen.add(number)
                self._compare(number, row.tobytes())

    def _stats(self) -> None:
        appended = self._shard.appended_episodes()
        if appended < max(self._appended, self.did.acknowledged):
            self._wrong("lost", f"{appended} episodes appended, after {self._appended}")
        self._appended = appended

    # Within

    def _expect_refusal(self, error: type[TownletError], epoch: int, sequence: int) -> None:
        try:
            answer = self._shard.append(epoch, sequence, self._made([self._new()]))
        except error:
            return
        if answer.next_sequence > sequence or not answer.blocked_by:  # else the limiter was asked first
            self._wrong("answer", f"epoch {epoch}, sequence {sequence} was taken: next is {answer.next_sequence}")

    def _compare(self, number: int, row: bytes) -> None:
        if not any(number in epoch.sent for epoch in self.did.epochs.values()):
            self._wrong("unknown", f"episode {number} was sampled and never appended")
        elif row not in {each.tobytes() for each in self._known.rows(self._known.make(number))[:-1]}:
            self._wrong("altered", f"episode {number} was sampled with other bytes than were appended")

    def _made(self, numbers: list[int]) -> dict[int, bytes]:
        return {number: self._known.make(number) for number in numbers}

    def _new(self) -> int:
        self._number += 1
        return self._number

    def _wrong(self, kind: str, what: str) -> None:
        self._shard.note(violation=kind, what=what)
        self._on_violation(Violation(kind, f"{self.did.actor}: {what}"))
