"""Actors stand still while a version is cut, go on once it is, and their files count for that version alone."""

import asyncio

import pytest
from small_versions import make_manifest

from learner.head import Head, Member
from learner.holds import Holds
from learner.resume import Resumed
from learner.servicers import TakingUp
from protos import control_pb2
from townlet.checkpoint.manifest import FileRecord
from townlet.errors import CheckpointError

FILE = FileRecord(path="000001/actor-0.json", size=1, sha256="0" * 64, component="actor-0")


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 10))


def test_all_actors_hold_until_they_are_released_and_their_files_are_waited_for():
    async def scenario():
        holds = Holds()
        announcing = asyncio.create_task(holds.announce(1, ["actor-0", "actor-1"]))
        await asyncio.sleep(0)
        assert holds.version == 1
        first = asyncio.create_task(holds.hold("actor-0", 1, 5.0))
        await asyncio.sleep(0.01)
        assert not announcing.done()
        second = asyncio.create_task(holds.hold("actor-1", 1, 5.0))
        await announcing
        assert not first.done()
        await holds.release()
        for held in (await first, await second):
            assert (held.go_on, held.deliver) == (True, True)
        delivered = asyncio.create_task(holds.delivered())
        await holds.deliver("actor-0", 1, [FILE], "")
        await asyncio.sleep(0)
        assert not delivered.done()
        await holds.deliver("actor-1", 1, [], "")
        assert await delivered == {"actor-0": (FILE,), "actor-1": ()}

    run(scenario())


def test_who_holds_for_long_is_asked_to_call_again():
    async def scenario():
        holds = Holds()
        announcing = asyncio.create_task(holds.announce(1, ["actor-0", "actor-1"]))
        await asyncio.sleep(0)
        assert not (await holds.hold("actor-0", 1, 0.01)).go_on
        announcing.cancel()

    run(scenario())


def test_files_for_another_version_and_from_actors_that_were_not_asked_are_passed_over():
    async def scenario():
        holds = Holds()
        announcing = asyncio.create_task(holds.announce(2, ["actor-0"]))
        await asyncio.sleep(0)
        holding = asyncio.create_task(holds.hold("actor-0", 2, 5.0))
        await announcing
        await holds.release()
        await holding
        await holds.deliver("actor-0", 1, [FILE], "")
        await holds.deliver("actor-9", 2, [FILE], "")
        delivered = asyncio.create_task(holds.delivered())
        await asyncio.sleep(0.01)
        assert not delivered.done()
        await holds.deliver("actor-0", 2, [], "its disk is full")
        with pytest.raises(CheckpointError, match="actor-0: its disk is full"):
            await delivered
        late = await holds.hold("actor-0", 1, 5.0)
        assert (late.go_on, late.deliver) == (True, False)

    run(scenario())


def test_an_actor_that_has_died_takes_its_state_up_once_and_one_that_lives_on_does_not():
    members = {name: Member(control_pb2.ROLE_ACTOR, "before") for name in ("actor-0", "actor-1")}
    files = tuple(FILE.model_copy(update={"path": f"000003/{m}.json", "component": m}) for m in members)
    manifest = make_manifest(3, files, members=tuple(members))
    taking_up = TakingUp(Resumed(manifest, {}), Head(members=members))
    assert taking_up.version_for("actor-0", "before") == 0  # it lives on
    assert taking_up.version_for("actor-0", "next") == 0  # and what it was has gone on since
    assert [taking_up.version_for("actor-1", "next") for _ in range(2)] == [3, 3]
    assert taking_up.version_for("actor-1", "after that") == 0
    assert taking_up.version_for("actor-2", "new") == 0
    assert TakingUp(None, Head()).version_for("actor-0", "x") == 0
