"""What the shell around a shard does when its callers come and go."""

import asyncio
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry

from protos import replay_pb2 as pb
from replay_service.metrics import ReplayMetrics
from replay_service.servicer import ReplayServicer
from townlet.errors import UnavailableError

RUN = "test"


def test_a_version_is_taken_up_also_when_the_caller_goes_away_meanwhile():
    async def scenario():
        began, may_end = asyncio.Event(), asyncio.Event()

        async def restore(version, taken):
            began.set()
            await may_end.wait()
            return SimpleNamespace(digest="layout")

        async def open_version(version):
            return version

        versions = SimpleNamespace(open=open_version)
        servicer = ReplayServicer(RUN, 100, None, versions, restore, ReplayMetrics(CollectorRegistry()))
        call = asyncio.create_task(servicer.TakeUpVersion(pb.TakeUpVersionRequest(run=RUN, version=1), None))
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
