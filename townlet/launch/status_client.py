"""Asks a running learner how it goes."""

from protos import admin_pb2, admin_pb2_grpc
from townlet.errors import UnavailableError
from townlet.rpc import call, open_channel
from townlet.security_settings import TlsSettings

STATUS_TIMEOUT_S = 2.0


class StatusClient:
    """The admin service of the learner at `address`. tls: None speaks in the clear. token: empty for none."""

    def __init__(self, address: str, tls: TlsSettings | None = None, token: str = "") -> None:
        self._peer = f"learner at {address}"
        self._channel = open_channel(address, tls, token)
        self._stub = admin_pb2_grpc.AdminServiceStub(self._channel)

    def close(self) -> None:
        """Give the connection back."""
        self._channel.close()

    def status(self) -> admin_pb2.StatusResponse | None:
        """The state of the run; None while the learner does not answer."""
        try:
            return call(self._stub.Status, admin_pb2.StatusRequest(), peer=self._peer, timeout_s=STATUS_TIMEOUT_S)
        except UnavailableError:
            return None
