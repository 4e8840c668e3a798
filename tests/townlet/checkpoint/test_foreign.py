"""A version of another run is refused, and everything that differs is named."""

from dataclasses import replace

import pytest
from small_versions import MEMBERS, make_manifest

from townlet.checkpoint.foreign import Expected, check_ours
from townlet.checkpoint.manifest import FileRecord
from townlet.errors import MismatchError

FILES = tuple(FileRecord(path=f"000042/{member}.json", size=1, sha256="0" * 64, component=member) for member in MEMBERS)
OURS = Expected("test", "c", "l", "lockstep", frozenset(MEMBERS))


def test_a_version_of_this_run_passes():
    check_ours(make_manifest(42, FILES), OURS)


def test_members_that_come_and_go_are_not_compared():
    check_ours(make_manifest(42, FILES), replace(OURS, members=None))


@pytest.mark.parametrize(
    ("differing", "fault"),
    [
        ({"run": "mine"}, "run: expected mine, found test"),
        ({"config_digest": "d"}, "configuration: expected d, found c"),
        ({"layout_digest": "m"}, "record layout: expected m, found l"),
        ({"schedule": "async"}, "schedule: expected async, found lockstep"),
        ({"members": frozenset((*MEMBERS, "actor-2"))}, "component actor-2 is missing"),
        ({"members": frozenset(MEMBERS[1:])}, "component learner is not one of this run's"),
    ],
)
def test_what_differs_is_named(differing, fault):
    with pytest.raises(MismatchError, match=f"^version 000042: {fault}$"):
        check_ours(make_manifest(42, FILES), replace(OURS, **differing))


def test_all_that_differs_is_named_at_once():
    with pytest.raises(MismatchError, match="run: expected mine, found test; record layout: expected m, found l"):
        check_ours(make_manifest(42, FILES), replace(OURS, run="mine", layout_digest="m"))
