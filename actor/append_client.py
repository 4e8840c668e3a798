"""Pushes episodes to a shard: in order, exactly once, in the background."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

import structlog

from protos import replay_pb2, replay_pb2_grpc
from townlet.append_call import AppendMessage, Episode, append_method
from townlet.errors import SequenceError, StartOverError, TownletError, UnavailableError
from townlet.failpoints import failpoint
from townlet.records import RecordLayout
from townlet.rpc import CALL_TIMEOUT_S, WAIT_S, call_until_answered, open_channel, start_call
from townlet.security_settings import TlsSettings
from townlet.tracing import Begun, begin
from townlet.worker import Worker

GROUP_LIMIT_BYTES = 2**20
"""Episodes travel together up to this size."""
GROUPS_IN_FLIGHT = 4
"""While one is made durable, the next ones are on their way."""
APPEND_TIMEOUT_S = WAIT_S + CALL_TIMEOUT_S

log = structlog.get_logger()


@dataclass(frozen=True)
class _Group:
    """Episodes that were sent together. answer: waits for what the shard says. sending: the span of all that."""

    request: AppendMessage
    episodes: int
    answer: Callable[[], replay_pb2.AppendResponse]
    sent_s: float
    sending: Begun


class AppendClient:
    """One actor's connection to one shard.

    `append` only waits when `max_pending_bytes` of episodes are not acknowledged yet: that is how a replay that holds
    inserts back, or is away, makes the actor wait.

    round: in lockstep the one that brings what is handed over from now on; else 0.
    on_stored: told how many seconds each group of episodes took to be acknowledged.
    waited_s: seconds that `append` has waited.
    leaves: whether the actor leaves, so that the replay takes what is left without holding it back.
    """

    def __init__(
        self,
        address: str,
        run: str,
        actor: str,
        layout: RecordLayout,
        max_pending_bytes: int,
        stop: threading.Event,
        tls: TlsSettings | None,
        on_stored: Callable[[float], object] = lambda _: None,
        leaves: Callable[[], bool] = lambda: False,
    ) -> None:
        self.round = 0
        self.waited_s = 0.0
        self._leaves = leaves
        self._peer = f"replay service at {address}"
        self._run = run
        self._actor = actor
        self._layout = layout
        self._max_pending_bytes = max_pending_bytes
        self._stop = stop
        self._on_stored = on_stored
        self._channel = open_channel(address, tls)
        self._stub = replay_pb2_grpc.ReplayServiceStub(self._channel)
        self._append = append_method(self._channel)
        self._pending: deque[bytes] = deque()
        self._pending_bytes = 0
        self._flying: deque[_Group] = deque()
        self._changed = threading.Condition()
        self._worker = Worker("append", self._push, stop)
        self._epoch = 0
        self._next_sequence = 0

    def __enter__(self) -> "AppendClient":
        """Start a new epoch of this actor, waiting for the shard; then push in the background."""
        layout = replay_pb2.Layout(stride=self._layout.stride, digest=self._layout.digest)
        request = replay_pb2.OpenProducerRequest(run=self._run, layout=layout, actor=self._actor)
        opened = call_until_answered(
            self._stub.OpenProducer, request, peer=self._peer, stop=self._stop, on_retry=self._note_retry
        )
        self._epoch = opened.epoch
        self._worker.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        with self._changed:
            self._changed.notify_all()
        self._channel.close()  # which ends a call that waits for the limiter
        self._worker.__exit__(*exception)  # type: ignore[arg-type]  # the interpreter's three

    @property
    def epoch(self) -> int:
        """Of this actor at the shard."""
        return self._epoch

    @property
    def next_sequence(self) -> int:
        """All episodes with smaller numbers have been acknowledged."""
        return self._next_sequence

    @property
    def pending_bytes(self) -> int:
        """Of episodes handed over that are not acknowledged yet."""
        return self._pending_bytes

    def append(self, records: bytes) -> None:
        """Hand an episode over. Returns at once unless too much is pending; gives up when the process stops."""
        with self._changed:
            while self._pending_bytes >= self._max_pending_bytes and not self._stop.is_set():
                began_s = time.monotonic()
                self._changed.wait(0.1)
                self.waited_s += time.monotonic() - began_s
            self._pending.append(records)
            self._pending_bytes += len(records)
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until every episode handed over is acknowledged; gives up when the process stops."""
        with self._changed:
            while self._pending and not self._stop.is_set():
                self._changed.wait(0.1)

    def _push(self) -> None:
        while True:
            while len(self._flying) < GROUPS_IN_FLIGHT and (episodes := self._next_episodes()):
                self._flying.append(self._send(episodes))
            if not self._flying or not self._see_it_stored(self._flying[0]):
                return
            group = self._flying.popleft()
            self._on_stored(time.monotonic() - group.sent_s)
            failpoint("actor.append.after_answer")
            self._let_go(group.episodes)

    def _next_episodes(self) -> list[bytes]:
        """Those after what is in flight, as many as travel together. Waits for one while nothing is; until the stop."""
        with self._changed:
            while not self._pending and not self._stop.is_set():
                self._changed.wait(0.1)
            episodes: list[bytes] = []
            size = 0
            for records in islice(self._pending, sum(group.episodes for group in self._flying), None):
                size += len(records)
                if episodes and size > GROUP_LIMIT_BYTES:
                    break
                episodes.append(records)
            return [] if self._stop.is_set() else episodes

    def _send(self, episodes: list[bytes]) -> _Group:
        first = self._next_sequence + sum(group.episodes for group in self._flying)
        rest = replay_pb2.AppendRequest(
            run=self._run,
            layout_digest=self._layout.digest,
            actor=self._actor,
            epoch=self._epoch,
            wait_ms=int(1e3 * WAIT_S),
            round=self.round,
            leaves=self._leaves(),
        )
        request = AppendMessage(rest, [Episode(first + at, records) for at, records in enumerate(episodes)])
        sending = begin("append", episodes=len(episodes))
        with sending.within():
            answer = start_call(self._append, request, peer=self._peer, timeout_s=APPEND_TIMEOUT_S)
        return _Group(request, len(episodes), answer, time.monotonic(), sending)

    def _see_it_stored(self, group: _Group) -> bool:
        """Wait until the oldest group in flight is; false when the process stops before.

        It is sent again where it came to nothing, or not all of it was stored. Those behind it may then have overtaken
        it, and are refused for that; each is sent again in its turn.
        """
        try:
            stored = self._is_stored(group.request, group.answer())
        except (UnavailableError, SequenceError) as error:
            stored = False
            self._note_retry(error)
        while not stored and not self._stop.is_set():
            group.request.rest.leaves = self._leaves()
            try:
                response = call_until_answered(
                    self._append,
                    group.request,
                    peer=self._peer,
                    stop=self._stop,
                    timeout_s=APPEND_TIMEOUT_S,
                    on_retry=self._note_retry,
                )
            except SequenceError as error:
                raise StartOverError(f"{self._peer} has been taken back to a version: {error}") from None
            stored = self._is_stored(group.request, response)
        group.sending.end()
        return stored

    def _is_stored(self, request: AppendMessage, response: replay_pb2.AppendResponse) -> bool:
        """Whether all of it is; else what is leaves the request."""
        if not response.blocked_by:
            return True
        del request.episodes[: max(0, response.next_sequence - request.episodes[0].sequence)]
        log.info("append_waits", reason=response.blocked_by)
        return False

    def _let_go(self, episodes: int) -> None:
        with self._changed:
            self._next_sequence += episodes
            for _ in range(episodes):
                self._pending_bytes -= len(self._pending.popleft())
            self._changed.notify_all()

    def _note_retry(self, error: TownletError) -> None:
        log.info("append_retried", reason=str(error))
