"""Restoring decides once, by the commit of a copy; until then nothing has changed, and nobody else comes between."""

import asyncio
import time
from types import SimpleNamespace

import pytest
from small_versions import commit

from learner.head import Head
from learner.restore import Restore, settle
from protos import control_pb2
from townlet.checkpoint.store import VersionStore
from townlet.errors import CheckpointError, MismatchError, RefusedError


class Run:
    """What a restore needs of a run. over: why it was told to start over."""

    def __init__(self, folder) -> None:
        self.store = VersionStore(folder)
        commit(self.store, 1)
        commit(self.store, 2)
        self.versions = SimpleNamespace(one_at_a_time=asyncio.Lock())
        self.over: list[str] = []
        self.told: list[str] = []
        self.restore = Restore(self.store, self.versions, self.check, self.start_over)

    def check(self, manifest) -> None:
        if manifest.run != "test":
            raise MismatchError("another run's")

    async def start_over(self, reason: str) -> None:
        self.over.append(reason)

    async def to(self, version: int) -> None:
        await self.restore.to(version, lambda event: self.told.append(event.WhichOneof("event")))


def scenario(tmp_path, act) -> Run:
    async def go() -> Run:
        run = Run(tmp_path)
        await act(run)
        return run

    return asyncio.run(asyncio.wait_for(go(), 10))


def test_a_copy_is_committed_then_told_then_the_run_starts_over_and_no_version_is_made_any_more(tmp_path):
    run = scenario(tmp_path, lambda run: run.to(1))
    assert run.store.manifest(3).restores == 1
    assert run.told == [*["verified"] * 4, "committed_version"]
    assert run.over == ["the run is taken back to version 1, as version 3"]
    assert run.versions.one_at_a_time.locked()


def test_a_second_restore_is_refused_while_one_is_under_way(tmp_path):
    async def act(run):
        first = asyncio.create_task(run.to(1))
        await asyncio.sleep(0)
        with pytest.raises(RefusedError, match="restore 2: a restore of version 1 is under way"):
            await run.to(2)
        await first

    run = scenario(tmp_path, act)
    assert (run.store.newest(), run.store.manifest(3).restores) == (3, 1)


@pytest.mark.parametrize("fault", ["unknown", "damaged", "foreign"])
def test_what_cannot_be_restored_is_refused_and_the_run_goes_on(tmp_path, fault):
    async def act(run):
        if fault == "damaged":
            (tmp_path / "000001" / "learner.json").write_bytes(b"{}")
        if fault == "foreign":
            commit(run.store, 3, run="other")
        version = {"unknown": 9, "damaged": 1, "foreign": 3}[fault]
        expected = MismatchError if fault == "foreign" else CheckpointError
        with pytest.raises(expected):
            await run.to(version)
        assert not run.versions.one_at_a_time.locked()
        assert (run.over, run.store.newest()) == ([], 3 if fault == "foreign" else 2)
        await run.to(2)

    assert len(scenario(tmp_path, act).over) == 1


def test_the_first_version_after_a_restore_waits_until_the_actors_are_back(tmp_path):
    made = []

    async def act(run):
        head = Head()
        join = {"member": "actor-0", "role": control_pb2.ROLE_ACTOR, "lanes": 4}
        head.join(control_pb2.JoinRequest(**join, incarnation="a"), -100.0)  # long ago

        async def make(why):
            made.append(why)

        run.versions.make = make
        settling = asyncio.create_task(settle(run.store.manifest(1), head, run.versions))
        await asyncio.sleep(0.3)
        assert made == []
        head.join(control_pb2.JoinRequest(**join, incarnation="b"), time.monotonic())
        await settling

    scenario(tmp_path, act)
    assert made == ["the run was taken back to a version"]
