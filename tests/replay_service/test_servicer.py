"""What the shell around a shard does when its callers come and go."""

import asyncio
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from protos import replay_pb2 as pb
from replay_service.metrics import ReplayMetrics
from replay_service.servicer import ReplayServicer
from townlet.errors import CheckpointError, UnavailableError

RUN = "test"


def servicer_that_restores(restore, opened):
    """A shard without Redis. restore: makes the shard of a version. opened: is told each version that is looked at."""

    async def open_version(version):
        opened.append(version)
        return version

    return ReplayServicer(
        RUN, 100, None, SimpleNamespace(open=open_version), restore, ReplayMetrics(CollectorRegistry())
    )


def taking_up(servicer, version):
    return asyncio.create_task(servicer.TakeUpVersion(pb.TakeUpVersionRequest(run=RUN, version=version), None))


def test_whoever_asks_for_the_version_that_is_being_taken_up_waits_for_it():
    """Who asks again and again, and goes away each time, leaves nothing behind."""

    async def scenario():
        may_end, opened = asyncio.Event(), []

        async def restore(version, taken):
            await may_end.wait()
            return SimpleNamespace(digest="layout")

        servicer = servicer_that_restores(restore, opened)
        for _ in range(5):
            call = taking_up(servicer, 1)
            await asyncio.sleep(0)
            call.cancel()
            await asyncio.wait([call])
        last = taking_up(servicer, 1)
        with pytest.raises(UnavailableError, match="taking up version 1"):
            await taking_up(servicer, 2)
        may_end.set()
        await last
        assert opened == [1]
        await taking_up(servicer, 2)
        assert opened == [1, 2]

    asyncio.run(asyncio.wait_for(scenario(), 30))


def test_a_version_is_taken_up_also_when_the_caller_goes_away_meanwhile():
    async def scenario():
        began, may_end = asyncio.Event(), asyncio.Event()

        async def restore(version, taken):
            began.set()
            await may_end.wait()
            return SimpleNamespace(digest="layout")

        servicer = servicer_that_restores(restore, [])
        call = taking_up(servicer, 1)
        await began.wait()
        call.cancel()
        await asyncio.wait([call])
        assert call.cancelled()
        with pytest.raises(UnavailableError, match="has to take up version 1"):
            servicer._serving("layout")
        may_end.set()
        while servicer._taking_up is not None:
            await asyncio.sleep(0)
        assert servicer._serving("layout").digest == "layout"

    asyncio.run(asyncio.wait_for(scenario(), 30))


def test_a_version_that_could_not_be_taken_up_is_told_though_nobody_waits_any_more():
    async def scenario():
        may_fail = asyncio.Event()

        async def restore(version, taken):
            await may_fail.wait()
            raise CheckpointError("segment: expected a file, found none")

        servicer = servicer_that_restores(restore, [])
        call = taking_up(servicer, 1)
        await asyncio.sleep(0)
        call.cancel()
        await asyncio.wait([call])
        with capture_logs() as logs:
            may_fail.set()
            await asyncio.wait([servicer._errand[1]])
            await asyncio.sleep(0)
        assert [(entry["event"], entry["reason"]) for entry in logs] == [
            ("version_not_taken_up", "segment: expected a file, found none")
        ]

    asyncio.run(asyncio.wait_for(scenario(), 30))
