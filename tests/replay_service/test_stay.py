"""How long a shard that was told to stop stays."""

import asyncio

import pytest

from replay_service import stay as module
from replay_service.stay import Stay

NEVER_S = 60.0


@pytest.fixture(autouse=True)
def short_moment(monkeypatch):
    monkeypatch.setattr(module, "TOGETHER_S", 0.05)


def over(*asked: bool, grace_s: float, works: bool = False, then: bool | None = None) -> bool:
    """Whether a shard of which this was asked leaves by itself; `then` is asked once it has begun to wait."""

    async def run() -> bool:
        stay = Stay()
        for wanted in asked:
            await stay.ask(wanted)
        if works:
            stay.learner_works()
        leaving = asyncio.create_task(stay.over(grace_s))
        if then is not None:
            await asyncio.sleep(0)  # by then it waits
            await stay.ask(then)
        done, _ = await asyncio.wait([leaving], timeout=0.5)
        leaving.cancel()
        return bool(done)

    return asyncio.run(run())


def test_one_that_nobody_asks_to_stay_leaves():
    assert over(grace_s=NEVER_S)


def test_one_that_is_asked_in_time_stays_until_it_is_let_go():
    assert not over(grace_s=NEVER_S, then=True)
    assert not over(True, grace_s=NEVER_S)
    assert over(True, grace_s=NEVER_S, then=False)
    assert over(True, False, grace_s=NEVER_S)


def test_it_does_not_stay_for_longer_than_its_grace():
    assert over(True, grace_s=0.1)


def test_what_an_earlier_learner_said_does_not_count_once_another_one_works():
    assert not over(True, False, grace_s=NEVER_S, works=True, then=True)
    assert not over(True, grace_s=NEVER_S, works=True)  # its last requests may come after it has asked
