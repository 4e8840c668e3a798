"""Leads a run in lockstep from round to round."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait

from learner.diary import Diary
from learner.pause import Pause
from learner.round_ends import RoundEnds
from learner.round_shards import RoundShards
from learner.update import QLearning
from protos import control_pb2, replay_pb2
from townlet.checkpoint.state import State
from townlet.errors import UnavailableError

POLL_S = 0.1
LAST_ROUND_LIMIT_S = 8.0
"""Once the process is told to stop, the actors have so long to end the round; without them there is no last version."""


class Conductor:
    """Lives on the main thread. Between two rounds nothing of the run moves: there versions are cut.

    capture: the learner's state. is_last: whether the run ends with this round, asked once its episodes are visible.
    over: whether it has ended.
    """

    def __init__(
        self,
        run: str,
        ends: RoundEnds,
        publish: Callable[[QLearning], None],
        shards: RoundShards,
        pause: Pause,
        diary: Diary,
        capture: Callable[[], State],
        is_last: Callable[[], bool],
        stop: threading.Event,
    ) -> None:
        self.over = False
        self._run = run
        self._ends = ends
        self._publish = publish
        self._shards = shards
        self._pause = pause
        self._diary = diary
        self._capture = capture
        self._is_last = is_last
        self._stop = stop
        self._version: Future[int | None] | None = None
        self._is_cut = False

    def gather(self) -> None:
        """Wait until every actor is where the run is. A new run begins with a version, so that there is a way back.

        Raises StartOverError when a member dies meanwhile, UnavailableError when that version cannot be made.
        """
        self._ended()
        self._shards.commit(self._run, self._ends.round, [()] * len(self._shards.items))
        if self._ends.newest_version is None:
            self._ask_for_version("the run begins")
        self._go_on()
        self._be_cut()
        if self._version is not None and self._wait_for_version() is None:
            raise UnavailableError("lockstep needs a version to go back to, and the first one could not be made")
        self._version = None

    def begin_round(self, learning: QLearning) -> None:
        """Publish the networks as they are now: the actors begin the next round with them."""
        self._publish(learning)

    def end_round(self) -> None:
        """Wait until every actor has ended the round, count what they did, and make their episodes visible.

        Raises StartOverError when a member dies meanwhile.
        """
        ended = self._ended()
        self._ends.count([each.report for each in ended])
        self._shards.commit(self._run, self._ends.round, self._pushed(ended))
        if self._is_last():
            self.over = True
            self._ask_for_version("the learner stops")
        self._go_on()

    def rest(self) -> None:
        """Between two rounds: note what was learned, be cut for a version, if one is being made, and stay if paused.

        A version that is asked for meanwhile lets one more round pass, at whose end it is cut.
        """
        self._diary.end_round(self._ends.figures())
        self._be_cut()
        if not self.over:
            self._pause.stay(self._ends.version_asked_for)

    def close(self) -> None:
        """Wait for the last version, if one was begun. Raises StartOverError when the run goes back to a version."""
        self._wait_for_version()
        self._ends.check()

    def _ended(self) -> list[control_pb2.EndRoundRequest]:
        """What the actors bring. Raises UnavailableError when the process stops and they do not come."""
        waiting = self._ends.all_ended()
        give_up_s: float | None = None
        while True:
            try:
                return waiting.result(POLL_S)
            except TimeoutError:
                now_s = time.monotonic()
                if self._stop.is_set():
                    give_up_s = give_up_s or now_s + LAST_ROUND_LIMIT_S
                if give_up_s is not None and now_s > give_up_s:
                    waiting.cancel()
                    raise UnavailableError("the actors did not end the round: no last version is made") from None

    def _pushed(self, ended: list[control_pb2.EndRoundRequest]) -> list[list[replay_pb2.Pushed]]:
        pushed: list[list[replay_pb2.Pushed]] = [[] for _ in self._shards.items]
        for each in ended:
            of_actor = replay_pb2.Pushed(actor=each.report.member, epoch=each.epoch, next_sequence=each.next_sequence)
            pushed[each.shard].append(of_actor)
        return pushed

    def _ask_for_version(self, why: str) -> None:
        """Have one made with the end of this round. Where the run goes back to a version, none is made any more."""
        self._version = self._ends.start_version(why)
        while not self._ends.version_asked_for() and not self._version.done():
            self._ends.check()
            wait([self._version], POLL_S / 10)  # nothing tells of an announcement: look again soon

    def _wait_for_version(self) -> int | None:
        while self._version is not None and not self._version.done():
            self._ends.check()
            wait([self._version], POLL_S)
        return self._version.result() if self._version else None

    def _go_on(self) -> None:
        """Tell the actors that the round is over."""
        self._is_cut = self._ends.go_on()

    def _be_cut(self) -> None:
        if self._is_cut:
            self._pause.between_updates(self._capture)
