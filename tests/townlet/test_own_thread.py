"""Work beside an event loop."""

import asyncio
import threading
from contextvars import ContextVar

import pytest

from townlet.own_thread import OwnThread

WHOSE: ContextVar[str] = ContextVar("WHOSE")


def test_work_is_done_in_order_by_one_thread():
    done, own_thread, all_asked = [], OwnThread("writer"), threading.Event()

    def work(number):
        all_asked.wait(20)  # a second thread would have its chance
        done.append((number, threading.current_thread().name))
        return number

    async def ask():
        working = [asyncio.create_task(own_thread(work, number)) for number in range(20)]
        await asyncio.sleep(0)  # each of them has asked
        all_asked.set()
        return await asyncio.gather(*working)

    assert asyncio.run(ask()) == list(range(20))
    assert done == [(number, "writer_0") for number in range(20)]


def test_work_sees_the_context_of_who_asked():
    async def ask():
        WHOSE.set("ours")
        return await OwnThread("writer")(WHOSE.get)

    assert asyncio.run(ask()) == "ours"


def test_what_goes_wrong_is_told_and_the_next_is_done():
    own_thread = OwnThread("writer")
    with pytest.raises(ValueError, match="invalid literal"):
        asyncio.run(own_thread(int, "x"))
    assert asyncio.run(own_thread(int, "12", base=8)) == 10
