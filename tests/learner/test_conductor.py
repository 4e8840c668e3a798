"""The conductor waits for nothing that will not come."""

import threading
from concurrent.futures import Future

import pytest

from learner.conductor import Conductor
from learner.pause import Pause
from townlet.errors import StartOverError


class Ends:
    """A round that everybody has ended, and versions that never come; the run goes back at the `looks`th look."""

    newest_version = 1
    round = 3

    def __init__(self, looks: int, asked_for: bool = False) -> None:
        self._looks = looks
        self._asked_for = asked_for

    def all_ended(self):
        ended = Future()
        ended.set_result([])
        return ended

    def count(self, reports):
        pass

    def start_version(self, why):
        return Future()

    def version_asked_for(self):
        return self._asked_for

    def go_on(self):
        return False

    def check(self):
        self._looks -= 1
        if self._looks <= 0:
            raise StartOverError("the run goes back")


class Shards:
    items = (0,)

    def commit(self, run, round, pushed):
        pass


def conductor(ends: Ends) -> Conductor:
    return Conductor(
        *("run", ends, lambda learning: None, Shards(), Pause(), None),
        capture=dict,
        is_last=lambda: True,
        stop=threading.Event(),
    )


@pytest.mark.timeout(20)
def test_a_last_version_is_not_waited_for_when_the_run_goes_back_instead():
    """Whoever restores makes no other version in that life."""
    with pytest.raises(StartOverError):
        conductor(Ends(looks=3)).end_round()


@pytest.mark.timeout(20)
def test_nor_when_it_has_been_cut_already():
    conducting = conductor(Ends(looks=3, asked_for=True))
    conducting.end_round()
    assert conducting.over
    with pytest.raises(StartOverError):
        conducting.close()
