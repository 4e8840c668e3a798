"""Pushes episodes to a shard: in order, exactly once, in the background."""

import threading
from collections import deque

import structlog

from protos import replay_pb2, replay_pb2_grpc
from townlet.errors import TownletError
from townlet.records import RecordLayout
from townlet.rpc import CALL_TIMEOUT_S, WAIT_S, call_until_answered, open_channel
from townlet.worker import Worker

GROUP_LIMIT_BYTES = 4 * 2**20
"""Episodes travel together up to this size."""

log = structlog.get_logger()


class AppendClient:
    """One actor's connection to one shard.

    `append` only waits when `max_pending_bytes` of episodes are not acknowledged yet: that is how a replay that holds
    inserts back, or is away, makes the actor wait.
    """

    def __init__(
        self,
        address: str,
        run: str,
        actor: str,
        layout: RecordLayout,
        max_pending_bytes: int,
        stop: threading.Event,
    ) -> None:
        self._peer = f"replay service at {address}"
        self._run = run
        self._actor = actor
        self._layout = layout
        self._max_pending_bytes = max_pending_bytes
        self._stop = stop
        self._channel = open_channel(address)
        self._stub = replay_pb2_grpc.ReplayServiceStub(self._channel)
        self._pending: deque[bytes] = deque()
        self._pending_bytes = 0
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
        with self._changed:
            self._changed.notify_all()
        self._worker.__exit__(*exception)  # type: ignore[arg-type]  # the interpreter's three
        self._channel.close()

    def append(self, records: bytes) -> None:
        """Hand an episode over. Returns at once unless too much is pending; gives up when the process stops."""
        with self._changed:
            while self._pending_bytes >= self._max_pending_bytes and not self._stop.is_set():
                self._changed.wait(0.1)
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
            group = self._next_group()
            if not group:
                return
            request = replay_pb2.AppendRequest(
                run=self._run,
                layout_digest=self._layout.digest,
                actor=self._actor,
                epoch=self._epoch,
                episodes=[
                    replay_pb2.Episode(sequence=self._next_sequence + at, records=records)
                    for at, records in enumerate(group)
                ],
                wait_ms=int(1e3 * WAIT_S),
            )
            self._append_until_stored(request)
            self._next_sequence += len(group)
            with self._changed:
                for records in group:
                    self._pending.popleft()
                    self._pending_bytes -= len(records)
                self._changed.notify_all()

    def _next_group(self) -> list[bytes]:
        """The oldest pending episodes, as many as travel together; none when the process stops."""
        with self._changed:
            while not self._pending and not self._stop.is_set():
                self._changed.wait(0.1)
            group: list[bytes] = []
            size = 0
            for records in self._pending:
                size += len(records)
                if group and size > GROUP_LIMIT_BYTES:
                    break
                group.append(records)
            return [] if self._stop.is_set() else group

    def _append_until_stored(self, request: replay_pb2.AppendRequest) -> None:
        while not self._stop.is_set():
            response = call_until_answered(
                self._stub.Append,
                request,
                peer=self._peer,
                stop=self._stop,
                timeout_s=WAIT_S + CALL_TIMEOUT_S,
                on_retry=self._note_retry,
            )
            if not response.blocked_by:
                return
            del request.episodes[: response.next_sequence - request.episodes[0].sequence]
            log.info("append_waits", reason=response.blocked_by)

    def _note_retry(self, error: TownletError) -> None:
        log.info("append_retried", reason=str(error))
