"""Keeps the newest policy that the learner has published."""

import threading
from typing import Any

import grpc
import structlog

from protos import policy_pb2, policy_pb2_grpc
from townlet.errors import UnavailableError
from townlet.rpc import FIRST_RETRY_S, LAST_RETRY_S, open_channel
from townlet.status import from_rpc_error
from townlet.worker import Worker

log = structlog.get_logger()


class PolicyWatcher:
    """Subscribes, and again whenever the learner has gone away. What is older than the newest policy is dropped."""

    def __init__(
        self, address: str, run: str, member: str, weights: policy_pb2.Weights.ValueType, stop: threading.Event
    ) -> None:
        self._peer = f"learner at {address}"
        self._request = policy_pb2.SubscribeRequest(run=run, member=member, weights=weights)
        self._stop = stop
        self._channel = open_channel(address)
        self._stub = policy_pb2_grpc.PolicyServiceStub(self._channel)
        self._arrived = threading.Condition()
        self._newest: policy_pb2.Policy | None = None
        self._worker = Worker("policy", self._watch, stop)
        self._stream: Any = None  # grpc has no public name for a call that is also an iterator

    def __enter__(self) -> "PolicyWatcher":
        self._worker.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        if self._stream is not None:
            self._stream.cancel()
        self._worker.__exit__(*exception)  # type: ignore[arg-type]  # the interpreter's three
        self._channel.close()

    def take(self) -> policy_pb2.Policy | None:
        """The newest policy, if there is one that has not been taken yet."""
        newest, self._newest = self._newest, None
        return newest

    def wait(self) -> policy_pb2.Policy | None:
        """Like `take`, but waits for one; None when the process stops."""
        with self._arrived:
            while self._newest is None and not self._stop.is_set():
                self._arrived.wait(0.1)
        return self.take()

    def _watch(self) -> None:
        pause_s = FIRST_RETRY_S
        while not self._stop.is_set():
            try:
                # The one call without a deadline: it lasts as long as the learner does, and keep-alive ends it else.
                self._stream = self._stub.Subscribe(self._request)
                for response in self._stream:
                    pause_s = FIRST_RETRY_S
                    with self._arrived:
                        self._newest = response.policy
                        self._arrived.notify_all()
            except grpc.RpcError as rpc_error:
                error = from_rpc_error(rpc_error, self._peer)
                if not isinstance(error, UnavailableError):
                    raise error from None
                log.info("policy_stream_ended", reason=str(error))
            self._stop.wait(pause_s)
            pause_s = min(2 * pause_s, LAST_RETRY_S)
