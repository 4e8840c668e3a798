"""Groups follow each other, are admitted in their order, and a cut falls between them."""

import asyncio
from contextlib import asynccontextmanager, suppress

import numpy as np
import pytest

from replay_service.arena import Arena
from replay_service.commits import GROUP_LIMIT_BYTES, Commits
from replay_service.producers import Producers
from replay_service.rate_limiter import RateLimiter
from replay_service.redis_log import Meta
from replay_service.sampler.uniform import UniformSampler
from replay_service.table import Table
from townlet.errors import UnavailableError

STRIDE = 2**16
STEPS = GROUP_LIMIT_BYTES // STRIDE  # of an episode that is a group of its own


class Log:
    """Says what it is given, and writes it once it is let."""

    def __init__(self):
        self.begun = asyncio.Queue()
        self.let = asyncio.Semaphore(0)

    async def commit(self, transaction):
        self.begun.put_nowait([order for order, _, _ in transaction.episodes])
        await self.let.acquire()


@asynccontextmanager
async def committing():
    log, capacity = Log(), 8 * (STEPS + 1)
    generator = np.random.Generator(np.random.Philox(1))
    table = Table(Arena(capacity, STRIDE), UniformSampler(capacity), RateLimiter(None, 1, 1.0), generator)
    commits = Commits(log, table, Producers({}), Meta(STRIDE, "d", 0, 0, 0, 0), 0.0, lambda: None, [])
    running = asyncio.create_task(commits.run())
    log.let.release()
    opened = await commits.open("actor-0")
    assert await log.begun.get() == []
    yield commits, table, log, opened, running
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


def append(commits, epoch, sequence):
    return commits.append("actor-0", epoch, sequence, bytes((STEPS + 1) * STRIDE), STEPS)


def run(scenario):
    return asyncio.run(asyncio.wait_for(scenario(), 30))


def test_a_group_is_admitted_and_answered_while_the_next_one_is_written():
    async def scenario():
        async with committing() as (commits, table, log, epoch, _):
            first, second = append(commits, epoch, 0), append(commits, epoch, 1)
            assert await log.begun.get() == [0]
            assert (first.done(), table.episodes) == (False, 0)
            log.let.release()
            assert await log.begun.get() == [1]
            assert not first.done()
            assert await first == 1
            assert (second.done(), table.episodes, commits.pending_steps) == (False, 1, STEPS)
            log.let.release()
            assert await second == 2
            assert (table.episodes, commits.pending_steps) == (2, 0)

    run(scenario)


def test_a_cut_comes_in_between_two_groups_and_sees_one_of_them_whole():
    async def scenario():
        async with committing() as (commits, _, log, epoch, _):
            first, second = append(commits, epoch, 0), append(commits, epoch, 1)
            assert await log.begun.get() == [0]
            cutting = asyncio.create_task(commits.cut())
            await asyncio.sleep(0)
            log.let.release()
            cut = await cutting
            assert first.done()
            assert (cut.meta.appended, cut.producers["actor-0"].next_sequence) == (1, 1)
            assert cut.table["orders"].tolist() == [0]
            assert await log.begun.get() == [1]
            log.let.release()
            assert await second == 2

    run(scenario)


def test_who_waits_when_the_shard_is_taken_down_is_turned_away_and_whoever_was_answered_is_not():
    async def scenario():
        async with committing() as (commits, _, log, epoch, running):
            answers = [append(commits, epoch, sequence) for sequence in range(3)]
            await log.begun.get()
            log.let.release()
            await log.begun.get()
            assert await answers[0] == 1
            running.cancel()
            for answer in answers[1:]:
                with pytest.raises(UnavailableError, match="taking up another version"):
                    await answer

    run(scenario)
