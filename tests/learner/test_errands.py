"""What a call asked for is done, whether its caller stays or goes."""

import asyncio

import pytest

from learner.errands import MOST_ERRANDS, Errands
from townlet.errors import RefusedError


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 10))


def test_all_that_is_told_arrives_in_order_from_any_thread_before_the_end():
    async def work(tell):
        for number in range(50):
            tell(number)
        await asyncio.to_thread(lambda: [tell(number) for number in range(50, 100)])

    async def scenario():
        return [event async for event in Errands().run(work)]

    assert run(scenario()) == list(range(100))


def test_what_goes_wrong_is_raised_after_what_was_told():
    async def work(tell):
        tell("begun")
        raise RefusedError("no")

    async def scenario():
        events = Errands().run(work)
        assert await anext(events) == "begun"
        with pytest.raises(RefusedError, match="no"):
            await anext(events)

    run(scenario())


def test_the_work_is_done_when_its_caller_has_gone():
    async def scenario():
        done = asyncio.Event()

        async def work(tell):
            tell("begun")
            await asyncio.sleep(0.01)
            done.set()

        events = Errands().run(work)
        await anext(events)
        await events.aclose()
        await done.wait()

    run(scenario())


def test_callers_that_come_and_go_cannot_pile_up_work():
    async def scenario():
        errands, may_end = Errands(), asyncio.Event()

        async def work(tell):
            tell("begun")
            await may_end.wait()

        for _ in range(MOST_ERRANDS):
            events = errands.run(work)
            await anext(events)
            await events.aclose()
        with pytest.raises(RefusedError, match="try again later"):
            await anext(errands.run(work))
        may_end.set()
        await asyncio.sleep(0.01)
        assert await anext(errands.run(work)) == "begun"
        await errands.end()

    run(scenario())


def test_what_still_runs_at_the_end_is_given_up():
    async def scenario():
        errands = Errands()
        ended = []

        async def work(tell):
            tell("begun")
            try:
                await asyncio.sleep(60)
            finally:
                ended.append(True)

        await anext(errands.run(work))
        await errands.end()
        assert ended == [True]

    run(scenario())
