"""The call Subscribe, at its subscribers' end, so that the weights that it brings are read where they were received.

What travels is a SubscribeResponse like any other; protobuf's own code would copy the weights twice.
"""

from dataclasses import dataclass

import grpc

from protos import policy_pb2 as pb
from townlet import protobuf_field
from townlet.policy_service import SERVICE


@dataclass(frozen=True)
class ReceivedPolicy:
    """A Policy that has come. rest: all of it but for the weights. weights: these, where they were received."""

    rest: pb.Policy
    weights: memoryview

    @classmethod
    def of(cls, policy: pb.Policy) -> "ReceivedPolicy":
        """One that was made some other way."""
        return cls(policy, memoryview(policy.weights))

    @property
    def version(self) -> int:
        """Which policy it is."""
        return self.rest.version


def read_response(message: bytes) -> ReceivedPolicy:
    """Split a serialised SubscribeResponse. Raises DecodeError."""
    _, policy = protobuf_field.split(memoryview(message), pb.SubscribeResponse.POLICY_FIELD_NUMBER, "SubscribeResponse")
    rest, weights = protobuf_field.split(policy, pb.Policy.WEIGHTS_FIELD_NUMBER, "Policy")
    return ReceivedPolicy(pb.Policy.FromString(rest), weights)


def subscribe_method(channel: grpc.Channel) -> "grpc.UnaryStreamMultiCallable[pb.SubscribeRequest, ReceivedPolicy]":
    """Subscribe, to be called."""
    return channel.unary_stream(f"/{SERVICE}/Subscribe", pb.SubscribeRequest.SerializeToString, read_response)
