"""A version of a shard that is given up, and why."""

import asyncio
from types import SimpleNamespace

import numpy as np
from structlog.testing import capture_logs

from replay_service.versions import ShardVersions
from townlet.errors import CheckpointError


class NothingHeld:
    """A log, and commits, of a shard without episodes."""

    async def read(self, orders):
        for order in orders:
            yield order

    async def cut(self):
        return SimpleNamespace(table={"orders": np.empty(0, np.int64)}, meta=SimpleNamespace(appended=0), producers={})

    def let_go(self):
        return None


class Refusing:
    """A store on a full disk."""

    def write_state(self, version, component, state):
        raise CheckpointError(f"version {version}: no space left")


def test_what_had_gone_wrong_is_told(monkeypatch):
    monkeypatch.setattr("replay_service.versions._state_of", lambda cut, records: {})

    async def give_up():
        shard = NothingHeld()
        versions = ShardVersions(Refusing(), "replay-0", shard)
        await versions.cut(3, shard, 0)
        await asyncio.wait([versions._writing])
        await versions.end(3, committed=False)

    with capture_logs() as logs:
        asyncio.run(give_up())
    (told,) = [entry for entry in logs if entry["event"] == "version_given_up"]
    assert told["reason"] == "version 3: no space left"
