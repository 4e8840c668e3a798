"""The relay's main loops: policies go down, acknowledgements go up."""

import asyncio
from contextlib import aclosing

from protos import policy_pb2
from relay.acknowledgements import Acknowledgements
from relay.upstream import Upstream
from townlet.policy_feed import PolicyFeed

ACKNOWLEDGE_PERIOD_S = 0.5


async def pass_policies_on(feed: PolicyFeed, upstream: Upstream, weights: policy_pb2.Weights.ValueType) -> None:
    """As long as anybody follows the feed, each policy with these weights goes into it, for ever."""
    while True:
        await feed.wanted.wait()
        async with aclosing(upstream.subscribe(weights)) as policies:
            async for policy in policies:
                feed.publish(policy)
                if not feed.followers:
                    break
        feed.forget()
        await upstream.pause()


async def pass_acknowledgements_on(acknowledgements: Acknowledgements, upstream: Upstream) -> None:
    """What was acknowledged here since the last time goes up in one call, for ever."""
    while True:
        await asyncio.sleep(ACKNOWLEDGE_PERIOD_S)
        versions = acknowledgements.take()
        if versions and not await upstream.acknowledge(versions):
            acknowledgements.put_back(versions)
