"""Nobody overtakes, nobody is forgotten."""

import asyncio
import time

import pytest

from replay_service.turnstile import Turnstile


def run(coroutine):
    return asyncio.run(coroutine)


def test_callers_go_in_the_order_in_which_they_came():
    async def scenario():
        gate, went = Turnstile(), []
        open_for = set()
        callers = [
            asyncio.create_task(gate.enter(lambda n=n: n in open_for, lambda n=n: went.append(n) or n, 5.0))
            for n in range(3)
        ]
        await asyncio.sleep(0)
        open_for |= {1, 2}  # the first one is still held back, and so are those behind it
        gate.look_again()
        assert went == []
        assert gate.waiting == 3
        open_for.add(0)
        gate.look_again()
        assert await asyncio.gather(*callers) == [0, 1, 2]
        assert went == [0, 1, 2]

    run(scenario())


def test_a_caller_that_waited_in_vain_gets_none_and_lets_the_next_one_go():
    async def scenario():
        gate = Turnstile()
        never = asyncio.create_task(gate.enter(lambda: False, lambda: "never", 0.01))
        await asyncio.sleep(0)
        assert await gate.enter(lambda: True, lambda: "next", 5.0) == "next"
        assert await never is None
        assert gate.waiting == 0
        assert gate.waited_s > 0.0

    run(scenario())


def test_an_error_belongs_to_the_caller_whose_work_it_was():
    async def scenario():
        gate, ready = Turnstile(), []

        def fail():
            raise ValueError("mine")

        failing = asyncio.create_task(gate.enter(lambda: bool(ready), fail, 5.0))
        await asyncio.sleep(0)
        ready.append(True)
        gate.look_again()  # does not raise here
        with pytest.raises(ValueError, match="mine"):
            await failing

    run(scenario())


def test_who_has_gone_away_is_passed_over_and_takes_nothing():
    """Cancelled, but not yet out of line: its turn may come before it runs again."""

    async def scenario():
        gate, ready, went = Turnstile(), [], []
        callers = [
            asyncio.create_task(gate.enter(lambda: bool(ready), lambda n=n: went.append(n) or n, 5.0)) for n in range(2)
        ]
        await asyncio.sleep(0)
        ready.append(True)
        callers[0].cancel()
        gate.look_again()
        assert went == [1]
        assert await callers[1] == 1
        with pytest.raises(asyncio.CancelledError):
            await callers[0]
        assert gate.waiting == 0

    run(scenario())


def test_what_was_done_at_the_last_moment_is_told():
    """The turn comes and the time is up in one and the same turn of the event loop."""

    async def scenario():
        gate, ready = Turnstile(), []
        caller = asyncio.create_task(gate.enter(lambda: bool(ready), lambda: "done", 0.02))
        await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        loop.call_later(0.01, lambda: (ready.append(True), gate.look_again()))
        time.sleep(0.05)
        assert await caller == "done"

    run(scenario())
