"""The first rank among several: it gives every rank its share of each batch, and sees to it that all stay the same."""

import threading
import time
from contextlib import suppress

from learner.batch import Batch
from learner.hand_outs import Ending, HandOuts, Kind, Message
from learner.ranks import Rates
from learner.sequences import SequenceBatch
from learner.several import Several
from learner.share import AnyBatch, ShareCodec, WholeBatch
from learner.state import digest_of, tensors_of
from learner.update import QLearning
from townlet.errors import RankError, StartOverError
from townlet.worker import Worker

BEAT_S = 5.0
"""The others hear from the first rank at least this often, also while the run waits or is paused."""


class FirstRank:
    """Use as a context manager: the others leave with it.

    several: it among them. stop: set when one of them is gone while nothing is learned.

    Messages come from the main thread, which trains, and from the one that beats: one at a time, with all it asks for.
    """

    def __init__(self, several: Several, hand_outs: HandOuts, codec: ShareCodec, stop: threading.Event) -> None:
        self.several = several
        self._hand_outs = hand_outs
        self._codec = codec
        self._one_at_a_time = threading.Lock()
        self._told_s = time.monotonic()
        self._ended = threading.Event()
        self._different: RankError | None = None
        self._stop = stop
        self._beats = Worker("beat", self._beat_until_ended, self._ended)

    def __enter__(self) -> "FirstRank":
        self._beats.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        ending = Ending.DONE if error is None else Ending.FAILED
        ending = Ending.STARTS_OVER if isinstance(error, StartOverError) else ending
        try:
            self._beats.__exit__(kind, error, traceback)
        except BaseException:
            ending = Ending.FAILED
            raise
        finally:
            with suppress(RankError):  # there may be nobody left to tell
                self._hand_outs.send(Message(Kind.LEAVE, ending))

    def hand_out(self, batch: AnyBatch, rates: Rates) -> Batch | SequenceBatch:
        """Give every rank its share of a batch; this one's. The source is the whole batch's.

        Raises RankError when a rank is gone, or was found to differ.
        """
        assert isinstance(batch, WholeBatch), "several ranks share whole batches"
        if self._different is not None:
            raise self._different
        with self._one_at_a_time:
            self._told_s = time.monotonic()
            share = self._hand_outs.send(
                Message(Kind.LEARN, rates=rates), lambda rank, into: self._codec.encode(batch, rank, into)
            )
        return self._codec.decode(share, batch.source)

    def take_along(self, learning: QLearning) -> None:
        """Have every rank be what this one is. Raises RankError."""
        with self._one_at_a_time:
            self._hand_outs.send(Message(Kind.TAKE_UP, learning.updates))
            self.several.spread(list(tensors_of(learning).values()))

    def compare(self, learning: QLearning) -> None:
        """Raises RankError when a rank has other networks, moments or normalisers than this one."""
        with self._one_at_a_time:
            self._hand_outs.send(Message(Kind.COMPARE, learning.updates))
            different = self.several.others(digest_of(learning))
        if different:
            self._different = RankError(
                f"rank {different[0]} of the learner: expected the networks of the first rank after update "
                f"{learning.updates}, found others; all ranks need the same software and the same kind of processor"
            )
            raise self._different

    def _beat_until_ended(self) -> None:
        try:
            while not self._ended.wait(BEAT_S / 5):
                self._beat_when_due()
        except RankError:
            self._stop.set()
            raise

    def _beat_when_due(self) -> None:
        with self._one_at_a_time:
            if time.monotonic() - self._told_s >= BEAT_S:
                self._told_s = time.monotonic()
                self._hand_outs.send(Message(Kind.BEAT))
                self.several.beat()
