"""What a shard keeps of its versions when calls come at once."""

import asyncio
from types import SimpleNamespace

import numpy as np

from replay_service.commits import Cut
from replay_service.redis_log import Meta
from replay_service.versions import ShardVersions


class SlowCommits:
    """Cuts after a moment, as between two groups."""

    def __init__(self):
        self.cuts = 0

    async def cut(self):
        await asyncio.sleep(0.01)
        self.cuts += 1
        return Cut(Meta(1, "layout", 0, 0, 0, 0), {}, {"orders": np.empty(0, np.int64)})

    def let_go(self):
        pass


async def nothing(orders):
    for order in orders:
        yield order


def test_a_cut_that_is_asked_for_twice_at_once_is_made_once():
    async def scenario():
        store, commits = SimpleNamespace(write_state=lambda *_: ()), SlowCommits()
        versions = ShardVersions(store, "replay-0", SimpleNamespace(read=nothing))
        await asyncio.gather(versions.cut(1, commits, 0), versions.cut(1, commits, 0))
        assert (await versions.prepared(1, 10.0)).files == []
        assert commits.cuts == 1

    asyncio.run(scenario())
