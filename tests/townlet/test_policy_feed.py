"""Newest wins: a slow follower skips, one that hangs holds nobody up, and nothing is queued."""

import asyncio
from contextlib import aclosing

import pytest

from townlet import policy_feed
from townlet.policy_feed import SENDS_AT_ONCE, PolicyFeed


async def next_of(policies) -> bytes:
    return await asyncio.wait_for(anext(policies), 20)


async def sends_nothing(policies) -> asyncio.Task:
    """Asks for the next policy, and makes sure that none comes yet."""
    asked = asyncio.ensure_future(anext(policies))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not asked.done()
    return asked


def test_a_follower_gets_the_newest_policy_at_once_and_then_each_newer_one_once():
    async def main() -> None:
        feed = PolicyFeed()
        feed.publish(b"1")
        feed.publish(b"2")
        async with aclosing(feed.follow()) as policies:
            assert await next_of(policies) == b"2"
            asked = await sends_nothing(policies)
            feed.publish(b"3")
            assert await asked == b"3"

    asyncio.run(main())


def test_who_is_slow_skips_policies_and_the_others_do_not_wait():
    async def main() -> None:
        feed = PolicyFeed()
        async with aclosing(feed.follow()) as slow, aclosing(feed.follow()) as fast:
            feed.publish(b"0")
            assert await next_of(slow) == b"0"
            for number in range(5):
                feed.publish(b"%d" % number)
                assert await next_of(fast) == b"%d" % number
            assert await next_of(slow) == b"4"

    asyncio.run(main())


def test_a_feed_that_has_forgotten_sends_nothing_until_the_next_policy_whatever_its_version():
    async def main() -> None:
        feed = PolicyFeed()
        feed.publish(b"version 57")
        async with aclosing(feed.follow()) as old, aclosing(feed.follow()) as new:
            assert await next_of(old) == b"version 57"
            feed.forget()
            asked = [await sends_nothing(policies) for policies in (old, new)]
            feed.publish(b"version 40")
            assert await asyncio.gather(*asked) == [b"version 40"] * 2

    asyncio.run(main())


def test_a_feed_is_wanted_as_long_as_somebody_follows():
    async def main() -> None:
        feed = PolicyFeed()
        feed.publish(b"1")
        for _ in range(2):
            assert not feed.wanted.is_set()
            async with aclosing(feed.follow()) as first, aclosing(feed.follow()) as second:
                await next_of(first)
                await next_of(second)
                assert (feed.followers, feed.wanted.is_set()) == (2, True)
                await first.aclose()
                assert (feed.followers, feed.wanted.is_set()) == (1, True)
        assert feed.followers == 0

    asyncio.run(main())


@pytest.mark.parametrize("hang_in", ["their send", "their leaving"])
def test_those_who_hang_hold_the_others_up_for_a_moment_only(monkeypatch, hang_in):
    monkeypatch.setattr(policy_feed, "PATIENCE_S", 0.05)

    async def main() -> None:
        feed = PolicyFeed()
        feed.publish(b"1")
        hanging = [feed.follow() for _ in range(2 * SENDS_AT_ONCE)]
        for policies in hanging:
            assert await next_of(policies) == b"1"  # and none of them comes back for the next
        if hang_in == "their leaving":
            for policies in hanging:
                await policies.aclose()
        async with aclosing(feed.follow()) as policies:
            for number in range(2 * SENDS_AT_ONCE):
                feed.publish(b"%d" % number)
                assert await next_of(policies) == b"%d" % number
        for policies in hanging:
            await policies.aclose()
        # No turn was given back twice: as many sends as before wait at once, and one more does not.
        again = [feed.follow() for _ in range(SENDS_AT_ONCE)]
        monkeypatch.setattr(policy_feed, "PATIENCE_S", 60.0)
        for policies in again:
            await next_of(policies)
        async with aclosing(feed.follow()) as one_more:
            asked = await sends_nothing(one_more)
            await again[0].aclose()
            assert await asked
        for policies in again:
            await policies.aclose()

    asyncio.run(main())
