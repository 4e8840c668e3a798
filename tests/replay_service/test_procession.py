"""Requests of a producer go in the order of their episodes."""

import asyncio
import time

import pytest

from replay_service.procession import GAP_S, Procession

A_WHILE_S = 30.0


class Producer:
    """Sends requests for episodes of one epoch, and notes in which order they went. hold: before its episodes go."""

    def __init__(self, procession, epoch=1, known=0):
        self.went = []
        self._procession = procession
        self._epoch = epoch
        self._known = known

    def send(self, first, count=2, wait_s=A_WHILE_S, hold=None):
        return asyncio.create_task(self._request(first, count, time.monotonic() + wait_s, hold))

    async def _request(self, first, count, until_s, hold):
        async with self._procession.turn("a", self._epoch, self._known, first, until_s) as has_come:
            if not has_come:
                return False
            if hold is not None:
                await hold.wait()
            for sequence in range(first, first + count):
                self.went.append(sequence)
                self._procession.passed("a", self._epoch, sequence)
                await asyncio.sleep(0)
        return True


def run(scenario):
    asyncio.run(asyncio.wait_for(scenario(), A_WHILE_S))


@pytest.mark.parametrize("order", [(0, 2, 4), (4, 2, 0), (2, 4, 0)])
def test_whatever_order_they_come_in(order):
    async def scenario():
        producer = Producer(Procession())
        assert all(await asyncio.gather(*(producer.send(first) for first in order)))
        assert producer.went == [0, 1, 2, 3, 4, 5]

    run(scenario)


def test_a_request_waits_as_long_as_the_one_before_it_is_held_back():
    async def scenario():
        producer, hold = Producer(Procession()), asyncio.Event()
        held, behind = producer.send(0, hold=hold), producer.send(2)
        await asyncio.sleep(2 * GAP_S)
        assert producer.went == []
        hold.set()
        assert await held
        assert await behind
        assert producer.went == [0, 1, 2, 3]

    run(scenario)


def test_a_request_whose_time_is_up_meanwhile_does_not_go():
    async def scenario():
        producer, hold = Producer(Procession()), asyncio.Event()
        held = producer.send(0, hold=hold)
        assert not await producer.send(2, wait_s=0.05)
        hold.set()
        await held
        assert producer.went == [0, 1]

    run(scenario)


def test_a_request_after_a_gap_goes_soon_to_be_refused():
    async def scenario():
        producer = Producer(Procession())
        began_s = time.monotonic()
        assert await producer.send(5)
        assert time.monotonic() - began_s >= 0.9 * GAP_S

    run(scenario)


def test_one_that_failed_on_its_way_holds_back_nobody_for_long():
    async def scenario():
        producer, hold = Producer(Procession()), asyncio.Event()
        failing, behind = producer.send(0, hold=hold), producer.send(2)
        await asyncio.sleep(0.05)
        failing.cancel()
        assert await behind

    run(scenario)


def test_what_is_repeated_waits_for_nobody():
    async def scenario():
        producer = Producer(Procession(), known=4)
        assert await producer.send(2, wait_s=0.0)
        assert await producer.send(4, wait_s=0.0)

    run(scenario)


def test_a_new_epoch_begins_anew():
    async def scenario():
        procession = Procession()
        await Producer(procession).send(0)
        assert await Producer(procession, epoch=2).send(0, wait_s=0.0)
        late = Producer(procession, epoch=2).send(1)
        assert await late

    run(scenario)
