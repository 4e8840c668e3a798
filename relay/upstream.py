"""Whom a relay follows: the learner, or another relay."""

import asyncio
from collections.abc import AsyncGenerator, Mapping

import grpc.aio
import structlog

from protos import policy_pb2, policy_pb2_grpc
from townlet.errors import UnavailableError
from townlet.policy_service import SERVICE
from townlet.rpc import CALL_TIMEOUT_S, FIRST_RETRY_S, LAST_RETRY_S
from townlet.status import from_rpc_error

log = structlog.get_logger()


class Upstream:
    """Lives on the event loop. Raises TownletError when what is followed refuses us: waiting would not help."""

    def __init__(self, channel: grpc.aio.Channel, address: str, run: str, member: str) -> None:
        self._peer = f"policy service at {address}"
        self._run = run
        self._member = member
        self._pause_s = FIRST_RETRY_S
        # The generated code would decode each policy; what is passed on are the bytes that came.
        self._subscribe: grpc.aio.UnaryStreamMultiCallable[policy_pb2.SubscribeRequest, bytes] = channel.unary_stream(
            f"/{SERVICE}/Subscribe", policy_pb2.SubscribeRequest.SerializeToString, response_deserializer=None
        )
        self._acknowledge = policy_pb2_grpc.PolicyServiceStub(channel).Acknowledge

    async def subscribe(self, weights: policy_pb2.Weights.ValueType) -> AsyncGenerator[bytes]:
        """Each policy as it comes, serialised, until what is followed goes away."""
        request = policy_pb2.SubscribeRequest(run=self._run, member=self._member, weights=weights)
        # The one call without a deadline: it lasts as long as the other side does, and keep-alive ends it else.
        stream = self._subscribe(request)
        try:
            async for policy in stream:
                self._pause_s = FIRST_RETRY_S
                yield policy
        except grpc.aio.AioRpcError as error:
            log.info("policy_stream_ended", reason=str(self._unavailable(error)))
        finally:
            stream.cancel()

    async def pause(self) -> None:
        """Before subscribing again: longer each time, until a policy comes."""
        await asyncio.sleep(self._pause_s)
        self._pause_s = min(2 * self._pause_s, LAST_RETRY_S)

    async def acknowledge(self, versions: Mapping[str, int]) -> bool:
        """Tell which policies members act with; whether it was heard."""
        request = policy_pb2.AcknowledgeRequest(run=self._run, versions=versions)
        try:
            await self._acknowledge(request, timeout=CALL_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            log.info("acknowledgement_retried", reason=str(self._unavailable(error)))
            return False
        return True

    def _unavailable(self, rpc_error: grpc.aio.AioRpcError) -> UnavailableError:
        error = from_rpc_error(rpc_error, self._peer)
        if not isinstance(error, UnavailableError):
            raise error from None
        return error
