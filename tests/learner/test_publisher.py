"""What is published is a SubscribeResponse like any other, whatever its parts hold."""

import asyncio
from contextlib import aclosing

from hypothesis import given
from hypothesis import strategies as st

from learner.publisher import Publisher
from protos import policy_pb2


def newest(feed) -> policy_pb2.Policy:
    async def follow() -> bytes:
        async with aclosing(feed.follow()) as policies:
            return await anext(policies)

    return policy_pb2.SubscribeResponse.FromString(asyncio.run(follow())).policy


@given(
    online=st.binary(max_size=300),
    averaged=st.binary(max_size=300),
    curiosity=st.binary(max_size=200),
    version=st.integers(1, 2**64 - 1),
    epsilon=st.floats(0, 1),
)
def test_each_feed_brings_the_policy_with_its_own_weights(online, averaged, curiosity, version, epsilon):
    policy = policy_pb2.Policy(version=version, updates=7, run_episodes=3)
    policy.exploration.epsilon = epsilon
    publisher = Publisher()
    publisher.publish(policy, online, averaged, curiosity)
    expected = policy_pb2.Policy()
    expected.CopyFrom(policy)
    expected.weights, expected.curiosity = online, curiosity
    assert newest(publisher.feeds.online) == expected
    expected.weights, expected.curiosity = averaged, b""
    assert newest(publisher.feeds.averaged) == expected
    assert publisher.version == version


def test_weights_of_megabytes_come_whole():
    publisher, weights = Publisher(), bytes(range(256)) * 8192
    publisher.publish(policy_pb2.Policy(version=1), weights, b"", b"")
    assert newest(publisher.feeds.online).weights == weights
