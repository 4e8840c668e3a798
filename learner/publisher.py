"""The newest policy, as the learner publishes it."""

from protos import policy_pb2
from townlet.policy_service import PolicyFeeds
from townlet.protobuf_field import head


class Publisher:
    """Lives on the servers' event loop. version: of the newest policy; 0 before the first."""

    def __init__(self) -> None:
        self.version = 0
        self.feeds = PolicyFeeds()

    def publish(self, policy: policy_pb2.Policy, online: bytes, averaged: bytes, curiosity: bytes) -> None:
        """From now on this is the newest policy, with the trained network's weights, and with the averaged ones.

        curiosity: sent with the trained network's only.
        """
        self.feeds.online.publish(_serialised(policy, online, curiosity))
        self.feeds.averaged.publish(_serialised(policy, averaged, b""))
        self.version = policy.version


def _serialised(policy: policy_pb2.Policy, weights: bytes, curiosity: bytes) -> bytes:
    """A SubscribeResponse with this policy. Protobuf's own code would copy the weights twice on the way into it."""
    rest, numbers = policy.SerializeToString(), policy_pb2.Policy
    parts = [rest, head(numbers.WEIGHTS_FIELD_NUMBER, len(weights)), weights]
    if curiosity:
        parts += [head(numbers.CURIOSITY_FIELD_NUMBER, len(curiosity)), curiosity]
    size = sum(len(part) for part in parts)
    return b"".join([head(policy_pb2.SubscribeResponse.POLICY_FIELD_NUMBER, size), *parts])
