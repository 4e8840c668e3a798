"""A version that cannot be made is given up, whatever refuses: the training goes on."""

import asyncio
import threading
import time

import pytest
import safetensors.torch
import torch

from learner.head import SILENCE_S, Head
from learner.holds import Holds
from learner.versions import About, Versions
from protos import control_pb2
from townlet.checkpoint.store import VersionStore
from townlet.config import CheckpointSettings
from townlet.errors import UnavailableError

DEFAULT = CheckpointSettings()


class Still:
    """A learner that stands still after so many seconds."""

    def __init__(self, seconds: float = 0.0) -> None:
        self._seconds = seconds

    async def stand_still(self):
        await asyncio.sleep(self._seconds)
        return {"updates": 1, "tensors": {"averaged.bias": torch.ones(2), "online.bias": torch.zeros(2)}}

    def go_on(self):
        pass


def make(
    store: VersionStore, settings: CheckpointSettings = DEFAULT, then=lambda: None, schedule: str = "async", still=None
) -> tuple[int | None, Versions]:
    """then: called when it has been made, or given up."""
    about = About("test", "c", "l", schedule, (), lambda: {"updates": 1}, dict)

    async def scenario():
        versions = Versions(store, about, Head(), Holds(), still or Still(), [], settings, None)
        try:
            return await versions.make("a test"), versions
        finally:
            then()

    return asyncio.run(asyncio.wait_for(scenario(), 10))


def refusing(monkeypatch, store: VersionStore, *methods: str) -> VersionStore:
    def refuse(*arguments, **options):
        raise UnavailableError("the disk is full")

    for method in methods:
        monkeypatch.setattr(store, method, refuse)
    return store


def test_a_version_is_made(tmp_path):
    store = VersionStore(tmp_path)
    version, versions = make(store)
    assert version == versions.newest == store.newest() == 1
    opened = store.open(1, "learner")
    assert opened.state("learner")["updates"] == 1
    light = safetensors.torch.load(opened.file("learner", "policy.safetensors"))
    assert {name: value.tolist() for name, value in light.items()} == {"bias": [1.0, 1.0]}


@pytest.mark.parametrize(("schedule", "version"), [("async", None), ("lockstep", 1)])
def test_in_lockstep_a_version_waits_for_the_end_of_a_long_round(tmp_path, schedule, version):
    settings = CheckpointSettings(cut_limit_s=0.2)
    store = VersionStore(f"memory://{tmp_path.name}")  # takes no time
    assert make(store, settings, schedule=schedule, still=Still(0.6))[0] == version


@pytest.mark.parametrize("methods", [("reserve",), ("write_state",), ("write_state", "abort"), ("commit",)])
def test_a_store_that_refuses_makes_no_version_and_stops_nobody(tmp_path, monkeypatch, methods):
    version, versions = make(refusing(monkeypatch, VersionStore(tmp_path), *methods))
    assert version is None
    assert versions.newest is None
    assert VersionStore(tmp_path).newest() is None


@pytest.mark.parametrize("methods", [("reserve",), ("write_state",), ("write_state", "abort")])
def test_a_store_that_does_not_answer_makes_no_version_and_is_waited_for_no_longer_than_it_may_take(
    tmp_path, monkeypatch, methods
):
    store, over = VersionStore(tmp_path), threading.Event()
    for method in methods:
        monkeypatch.setattr(store, method, lambda *arguments: over.wait(60))
    version, _ = make(store, CheckpointSettings(cut_limit_s=0.2, write_limit_s=0.2), over.set)
    assert version is None
    assert VersionStore(tmp_path).newest() is None


@pytest.mark.parametrize("method", ["retain", "collect"])
def test_what_cannot_be_tidied_away_takes_nothing_from_the_version(tmp_path, monkeypatch, method):
    version, versions = make(refusing(monkeypatch, VersionStore(tmp_path), method))
    assert version == versions.newest == 1
    VersionStore(tmp_path).verify(1)


def test_each_step_is_told_and_why_a_version_was_given_up(tmp_path, monkeypatch):
    def told(store: VersionStore) -> list[tuple[str, int, str]]:
        steps = []

        async def scenario():
            about = About("test", "c", "l", "async", (), dict, dict, set_values=lambda: {"learner.learning_rate": 0.5})
            versions = Versions(store, about, Head(), Holds(), Still(), [], CheckpointSettings(), None)
            async with versions.one_at_a_time:
                making = asyncio.create_task(versions.make("a test", tell=steps.append))
                await asyncio.sleep(0.01)
                assert [step.name for step in steps] == ["waiting"]
            await making

        asyncio.run(asyncio.wait_for(scenario(), 10))
        return [(step.name, step.version, step.reason) for step in steps[1:]]

    store = VersionStore(tmp_path)
    assert told(store) == [(name, 1, "") for name in ("announced", "cut", "written", "committed")]
    assert store.manifest(1).set_values == {"learner.learning_rate": 0.5}
    given_up = told(refusing(monkeypatch, store, "commit"))
    assert given_up[-2:] == [("written", 2, ""), ("given up", 2, "the disk is full")]


def test_who_keeps_a_version_from_being_cut_is_named(tmp_path):
    """Two actors are asked to hold, and one of them does."""
    about = About("test", "c", "l", "async", (), lambda: {"updates": 1}, dict)

    async def scenario() -> list[str]:
        head, holds = Head(), Holds()
        for name in ("actor-0", "actor-1"):
            request = control_pb2.JoinRequest(member=name, incarnation="a", role=control_pb2.ROLE_ACTOR, lanes=1)
            head.join(request, time.monotonic())
        settings = CheckpointSettings(cut_limit_s=1.0)
        versions = Versions(VersionStore(str(tmp_path)), about, head, holds, Still(), [], settings, None)
        told = [versions.why_it_waits()]
        making = asyncio.create_task(versions.make("a test"))
        while not holds.version:
            await asyncio.sleep(0.01)
        holding = asyncio.create_task(holds.hold("actor-0", holds.version, 30.0))
        await asyncio.sleep(0.05)
        told.append(versions.why_it_waits())
        assert await making is None
        await holding
        return [*told, versions.why_it_waits()]

    assert asyncio.run(asyncio.wait_for(scenario(), 60)) == ["", "version 1 waits for actor-1 to stand still", ""]


def test_who_falls_silent_is_not_waited_for(tmp_path):
    """It was there when the version was announced, and is gone before it stands still."""
    about = About("test", "c", "l", "async", (), lambda: {"updates": 1}, dict)

    async def scenario() -> int | None:
        head = Head()
        request = control_pb2.JoinRequest(member="actor-0", incarnation="a", role=control_pb2.ROLE_ACTOR, lanes=1)
        head.join(request, time.monotonic() - SILENCE_S + 0.5)
        assert head.acting(time.monotonic()) == ["actor-0"]
        settings = CheckpointSettings(cut_limit_s=8.0)
        return await Versions(VersionStore(tmp_path), about, head, Holds(), Still(), [], settings, None).make("a test")

    assert asyncio.run(asyncio.wait_for(scenario(), 60)) == 1
    assert list(VersionStore(tmp_path).manifest(1).members) == ["learner"]
