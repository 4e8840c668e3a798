"""Actors stand still while a version is cut, go on once it is, and their files count for that version alone."""

import asyncio

import pytest
from small_versions import make_manifest

from learner.head import Head, Member
from learner.holds import Held, Holds
from learner.resume import Resumed
from learner.servicers import TakingUp
from protos import control_pb2
from townlet.checkpoint.manifest import FileRecord
from townlet.errors import CheckpointError, UnknownMemberError

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


def test_an_actor_that_comes_when_the_version_is_kept_no_more_begins_anew():
    members = {"actor-0": Member(control_pb2.ROLE_ACTOR, "before")}
    files = (FILE.model_copy(update={"path": "000003/actor-0.json", "component": "actor-0"}),)
    resumed = Resumed(make_manifest(3, files, members=("actor-0",)), {})
    assert TakingUp(resumed, Head(members=dict(members)), 0.0, {3}.__contains__).version_for("actor-0", "next") == 3
    assert TakingUp(resumed, Head(members=dict(members)), 0.0, {4}.__contains__).version_for("actor-0", "next") == 0


def test_where_everyone_goes_back_who_lived_on_starts_over_and_takes_its_state_up():
    members = {"actor-0": Member(control_pb2.ROLE_ACTOR, "before")}
    files = (FILE.model_copy(update={"path": "000003/actor-0.json", "component": "actor-0"}),)
    manifest = make_manifest(3, files, members=("actor-0",))
    taking_up = TakingUp(Resumed(manifest, {}, takes_back=True), Head(members=members))

    def must_start_over(incarnation: str, again: bool, lanes: int = 8) -> bool:
        request = control_pb2.JoinRequest(member="actor-0", incarnation=incarnation, again=again, lanes=lanes)
        return taking_up.must_start_over(request)

    with pytest.raises(UnknownMemberError, match="gone back"):
        taking_up.check("actor-0", "before")  # so that it joins again
    assert must_start_over("before", again=True)
    assert must_start_over("before", again=True)  # its answer may have been lost
    assert not must_start_over("next", again=False)
    taking_up.check("actor-0", "next")
    assert taking_up.version_for("actor-0", "next") == 3
    assert not must_start_over("next", again=True)
    assert not must_start_over("evaluator", again=True, lanes=0)
    on = TakingUp(Resumed(manifest, {}), Head())
    assert not on.must_start_over(control_pb2.JoinRequest(incarnation="before", again=True, lanes=8))


def test_nobody_waits_for_an_actor_that_leaves_and_what_it_has_delivered_counts():
    async def scenario():
        holds = Holds()
        announcing = asyncio.create_task(holds.announce(1, ["actor-0", "actor-1", "actor-2"]))
        await asyncio.sleep(0)
        waiting = [asyncio.create_task(holds.hold(f"actor-{index}", 1, 5.0)) for index in (0, 1)]
        await asyncio.sleep(0.01)
        assert not announcing.done()
        await holds.leave("actor-2")
        await announcing
        await holds.release()
        await asyncio.gather(*waiting)
        delivered = asyncio.create_task(holds.delivered())
        await holds.deliver("actor-0", 1, [FILE], "")
        await holds.leave("actor-0")
        await asyncio.sleep(0.01)
        assert not delivered.done()
        await holds.leave("actor-1")
        assert await delivered == {"actor-0": (FILE,)}

    run(scenario())


def test_after_the_last_version_nobody_goes_on():
    async def run() -> None:
        holds = Holds()
        announcing = asyncio.create_task(holds.announce(1, ["actor-0"]))
        holding = asyncio.create_task(holds.hold("actor-0", 1, 5.0))
        await announcing
        await holds.keep()
        assert await holding == Held(go_on=False, deliver=True, cut=True)
        still = asyncio.create_task(holds.hold("actor-0", 1, 0.05))
        await holds.deliver("actor-0", 1, [], "")
        assert list(await holds.delivered()) == ["actor-0"]
        await holds.end()
        assert await still == Held(go_on=False, deliver=False, cut=True)
        assert await holds.hold("actor-0", 1, 0.01) == Held(go_on=False, deliver=False, cut=True)

    asyncio.run(run())
