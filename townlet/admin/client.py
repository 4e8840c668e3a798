"""Calls to the admin service of a learner."""

from collections.abc import Iterator

from protos import admin_pb2 as pb
from protos import admin_pb2_grpc
from townlet.admin.archive import Tell
from townlet.rpc import LONG_CALL_TIMEOUT_S, call, open_channel, stream
from townlet.security_settings import TlsSettings

STATUS_TIMEOUT_S = 5.0


class AdminClient:
    """The learner at `address`. Every method raises the TownletError of a call that failed.

    tls: None speaks in the clear. token: empty for none.

    What concerns versions is as in `townlet.admin.archive.Archive`.
    """

    def __init__(self, address: str, tls: TlsSettings | None = None, token: str = "") -> None:
        self._peer = f"learner at {address}"
        self._channel = open_channel(address, tls, token)
        self._stub = admin_pb2_grpc.AdminServiceStub(self._channel)

    def __enter__(self) -> "AdminClient":
        return self

    def __exit__(self, *exception: object) -> None:
        self._channel.close()

    def status(self) -> pb.StatusResponse:
        return call(self._stub.Status, pb.StatusRequest(), peer=self._peer, timeout_s=STATUS_TIMEOUT_S)

    def watch(self, period_s: float) -> Iterator[pb.StatusResponse]:
        """The state of the run, again and again."""
        request = pb.WatchRequest(period_ms=int(1e3 * period_s))
        for answer in stream(self._stub.Watch, request, peer=self._peer, timeout_s=None):
            yield answer.status

    def pause(self) -> None:
        call(self._stub.Pause, pb.PauseRequest(), peer=self._peer)

    def resume(self) -> None:
        call(self._stub.Resume, pb.ResumeRequest(), peer=self._peer)

    def checkpoint(self) -> Iterator[pb.CheckpointResponse]:
        """Step by step."""
        return stream(self._stub.Checkpoint, pb.CheckpointRequest(), peer=self._peer, timeout_s=LONG_CALL_TIMEOUT_S)

    def restore(self, version: int) -> Iterator[pb.RestoreVersionResponse]:
        """Step by step, until the learner starts over."""
        request = pb.RestoreVersionRequest(version=version)
        return stream(self._stub.RestoreVersion, request, peer=self._peer, timeout_s=LONG_CALL_TIMEOUT_S)

    def set(self, key: str, value: str) -> pb.SetResponse:
        return call(self._stub.Set, pb.SetRequest(key=key, value=value), peer=self._peer)

    def members(self) -> pb.ListMembersResponse:
        return call(self._stub.ListMembers, pb.ListMembersRequest(), peer=self._peer)

    def drain(self, actor: str) -> None:
        call(self._stub.Drain, pb.DrainRequest(actor=actor), peer=self._peer)

    def stop(self) -> None:
        call(self._stub.Stop, pb.StopRequest(), peer=self._peer)

    # Versions

    def versions(self) -> pb.ListVersionsResponse:
        request = pb.ListVersionsRequest()
        return call(self._stub.ListVersions, request, peer=self._peer, timeout_s=LONG_CALL_TIMEOUT_S)

    def show(self, version: int) -> pb.ShowVersionResponse:
        request = pb.ShowVersionRequest(version=version)
        return call(self._stub.ShowVersion, request, peer=self._peer, timeout_s=LONG_CALL_TIMEOUT_S)

    def verify(self, version: int, tell: Tell) -> None:
        request = pb.VerifyVersionRequest(version=version)
        for answer in stream(self._stub.VerifyVersion, request, peer=self._peer, timeout_s=LONG_CALL_TIMEOUT_S):
            tell(answer.verified)

    def pin(self, version: int) -> None:
        request = pb.PinVersionRequest(version=version)
        call(self._stub.PinVersion, request, peer=self._peer, timeout_s=LONG_CALL_TIMEOUT_S)

    def unpin(self, version: int) -> None:
        request = pb.UnpinVersionRequest(version=version)
        call(self._stub.UnpinVersion, request, peer=self._peer, timeout_s=LONG_CALL_TIMEOUT_S)

    def delete(self, version: int) -> None:
        request = pb.DeleteVersionRequest(version=version)
        call(self._stub.DeleteVersion, request, peer=self._peer, timeout_s=LONG_CALL_TIMEOUT_S)

    def branch(self, version: int, run: str, tell: Tell) -> str:
        request = pb.BranchVersionRequest(version=version, run=run)
        path = ""
        for answer in stream(self._stub.BranchVersion, request, peer=self._peer, timeout_s=LONG_CALL_TIMEOUT_S):
            if answer.HasField("copied"):
                tell(answer.copied)
            path = answer.config_path
        return path
