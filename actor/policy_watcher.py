"""Keeps the newest policy that the learner has published, or that a relay has passed on."""

import threading
from collections.abc import Callable
from typing import Any

import grpc
import structlog

from protos import policy_pb2
from townlet.errors import StartOverError, UnavailableError
from townlet.rpc import FIRST_RETRY_S, LAST_RETRY_S, open_channel
from townlet.security_settings import TlsSettings
from townlet.status import from_rpc_error
from townlet.subscribe_call import ReceivedPolicy, subscribe_method
from townlet.worker import Worker

log = structlog.get_logger()


class PolicyWatcher:
    """Subscribes, and again whenever the other side has gone away. What is older than the newest policy is dropped.

    on_policy: called whenever one has arrived.
    """

    def __init__(
        self,
        address: str,
        run: str,
        member: str,
        weights: policy_pb2.Weights.ValueType,
        stop: threading.Event,
        tls: TlsSettings | None,
        on_policy: Callable[[], None] = lambda: None,
    ) -> None:
        self._peer = f"policy service at {address}"
        self._request = policy_pb2.SubscribeRequest(run=run, member=member, weights=weights)
        self._stop = stop
        self._on_policy = on_policy
        self._channel = open_channel(address, tls)
        self._subscribe = subscribe_method(self._channel)
        self._arrived = threading.Condition()
        self._newest: ReceivedPolicy | None = None
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

    def take(self) -> ReceivedPolicy | None:
        """The newest policy, if there is one that has not been taken yet."""
        newest, self._newest = self._newest, None
        return newest

    def wait(self) -> ReceivedPolicy | None:
        """Like `take`, but waits for one; None when the process stops."""
        with self._arrived:
            while self._newest is None and not self._stop.is_set():
                self._arrived.wait(0.1)
        return self.take()

    def wait_for(self, version: int) -> ReceivedPolicy | None:
        """The policy of this version, waited for; None when the process stops.

        Raises StartOverError when the run is past it: it would never come.
        """
        while (policy := self.wait()) is not None:
            if policy.version > version:
                raise StartOverError(f"the run acts with policy {policy.version} already, expected {version}")
            if policy.version == version:
                return policy
        return None

    def _watch(self) -> None:
        pause_s = FIRST_RETRY_S
        while not self._stop.is_set():
            try:
                # The one call without a deadline: it lasts as long as the other side does, and keep-alive ends it else.
                self._stream = self._subscribe(self._request)
                for policy in self._stream:
                    pause_s = FIRST_RETRY_S
                    with self._arrived:
                        self._newest = policy
                        self._arrived.notify_all()
                    self._on_policy()
            except grpc.RpcError as rpc_error:
                error = from_rpc_error(rpc_error, self._peer)
                if not isinstance(error, UnavailableError):
                    raise error from None
                log.info("policy_stream_ended", reason=str(error))
            self._stop.wait(pause_s)
            pause_s = min(2 * pause_s, LAST_RETRY_S)
