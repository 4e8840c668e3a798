"""A version that cannot be made is given up, whatever refuses: the training goes on."""

import asyncio

import pytest

from learner.head import Head
from learner.holds import Holds
from learner.versions import About, Versions
from townlet.checkpoint.store import VersionStore
from townlet.config import CheckpointSettings
from townlet.errors import UnavailableError


class Still:
    """A learner that stands still at once."""

    async def stand_still(self):
        return {"updates": 1}

    def go_on(self):
        pass


def make(store: VersionStore) -> tuple[int | None, Versions]:
    about = About("test", "c", "l", lambda: {"updates": 1}, dict)

    async def scenario():
        versions = Versions(store, about, Head(), Holds(), Still(), [], CheckpointSettings(), None)
        return await versions.make("a test"), versions

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
    assert store.open(1, "learner").state("learner") == {"updates": 1}


@pytest.mark.parametrize("methods", [("reserve",), ("write_state",), ("write_state", "abort"), ("commit",)])
def test_a_store_that_refuses_makes_no_version_and_stops_nobody(tmp_path, monkeypatch, methods):
    version, versions = make(refusing(monkeypatch, VersionStore(tmp_path), *methods))
    assert version is None
    assert versions.newest is None
    assert VersionStore(tmp_path).newest() is None


@pytest.mark.parametrize("method", ["retain", "collect"])
def test_what_cannot_be_tidied_away_takes_nothing_from_the_version(tmp_path, monkeypatch, method):
    version, versions = make(refusing(monkeypatch, VersionStore(tmp_path), method))
    assert version == versions.newest == 1
    VersionStore(tmp_path).verify(1)
