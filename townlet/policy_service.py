"""PolicyService as the learner and the relays offer it. See protos/policy.proto."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import grpc.aio

from protos import policy_pb2
from townlet.errors import MismatchError
from townlet.policy_feed import PolicyFeed

SERVICE = policy_pb2.DESCRIPTOR.services_by_name["PolicyService"].full_name

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True)
class PolicyFeeds:
    """One for each kind of weights, of serialised SubscribeResponses."""

    online: PolicyFeed = field(default_factory=PolicyFeed)
    averaged: PolicyFeed = field(default_factory=PolicyFeed)


class PolicyServicer:
    """Sends each policy as the bytes that it was published as: one serialisation, whatever the number of subscribers.

    acknowledge: told the version that each of some members acts with.
    """

    def __init__(self, run: str, feeds: PolicyFeeds, acknowledge: Callable[[Mapping[str, int]], None]) -> None:
        self._run = run
        self._feeds = feeds
        self._acknowledge = acknowledge

    def add_to(self, server: grpc.aio.Server) -> None:
        """Offer the service there. The generated code would serialise each answer anew."""
        handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "Subscribe": grpc.unary_stream_rpc_method_handler(
                self.subscribe, policy_pb2.SubscribeRequest.FromString, response_serializer=None
            ),
            "Acknowledge": grpc.unary_unary_rpc_method_handler(
                self.acknowledge,
                policy_pb2.AcknowledgeRequest.FromString,
                policy_pb2.AcknowledgeResponse.SerializeToString,
            ),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))

    async def subscribe(self, request: policy_pb2.SubscribeRequest, _: Context) -> AsyncGenerator[bytes]:
        """Subscribe."""
        self._check(request.run)
        averaged = request.weights == policy_pb2.WEIGHTS_AVERAGED
        async with aclosing((self._feeds.averaged if averaged else self._feeds.online).follow()) as policies:
            async for policy in policies:
                yield policy

    async def acknowledge(self, request: policy_pb2.AcknowledgeRequest, _: Context) -> policy_pb2.AcknowledgeResponse:
        """Acknowledge."""
        self._check(request.run)
        self._acknowledge(request.versions)
        return policy_pb2.AcknowledgeResponse()

    def _check(self, run: str) -> None:
        if run != self._run:
            raise MismatchError(f"run: policies of {self._run!r} are served here, found {run!r}")
