"""A version of another run is refused, and everything that differs is named."""

from dataclasses import replace

import pytest
from run_process import CONFIGS
from small_versions import MEMBERS, make_manifest

from townlet.checkpoint.foreign import Expected, check_ours
from townlet.checkpoint.manifest import FileRecord
from townlet.config_changes import as_tree
from townlet.config_file import load_config
from townlet.errors import ForeignVersionError

FILES = tuple(FileRecord(path=f"000042/{member}.json", size=1, sha256="0" * 64, component=member) for member in MEMBERS)


def config(*overrides: str):
    return load_config(CONFIGS / "L0_minimal.yaml", ["run.name=test", *overrides])


OURS = Expected(config(), "l", "lockstep", frozenset(MEMBERS), closed=True)


def version(*overrides: str, **about):
    """As it was made by a run with such a configuration."""
    made_by = config(*overrides)
    return make_manifest(42, FILES, **{"config_digest": made_by.digest(), "config": as_tree(made_by), **about})


def test_a_version_of_this_run_passes():
    assert check_ours(version(), OURS) == ()


@pytest.mark.parametrize(
    ("differing", "fault"),
    [
        ({"config": config("run.name=mine")}, "run: expected mine, found test"),
        ({"config": config("learner.gamma=0.5")}, "configuration: learner.gamma: expected 0.95, as it was, found 0.5"),
        ({"layout_digest": "m"}, "record layout: expected m, found l"),
        ({"schedule": "async"}, "schedule: expected async, found lockstep"),
        ({"members": frozenset((*MEMBERS, "actor-2"))}, "component actor-2 is missing"),
        ({"members": frozenset(MEMBERS[1:])}, "component learner is not one of this run's"),
    ],
)
def test_what_differs_is_named(differing, fault):
    with pytest.raises(ForeignVersionError, match=f"^version 000042: {fault}$"):
        check_ours(version(), replace(OURS, **differing))


def test_all_that_differs_is_named_at_once():
    theirs = config("run.name=mine", "seed=7", "network.hidden=[8]", "learner.learning_rate=0.1")
    with pytest.raises(ForeignVersionError) as refused:
        check_ours(version(), replace(OURS, config=theirs, layout_digest="m"))
    assert str(refused.value) == (
        "version 000042: run: expected mine, found test; record layout: expected m, found l; "
        "configuration: seed: expected 1, as it was, found 7; "
        "configuration: network.hidden: expected [128, 128], as it was, found [8]"
    )


def test_what_may_change_is_returned():
    (change,) = check_ours(version(), replace(OURS, config=config("learner.learning_rate=0.1")))
    assert (change.key, change.was, change.now) == ("learner.learning_rate", 0.001, 0.1)


def test_members_that_come_and_go_may_be_others_but_nobody_who_must_be_there_may_lack():
    come_and_go = replace(OURS, members={"learner", "replay-0"}, closed=False)
    check_ours(version(), come_and_go)
    without_actors = make_manifest(42, (FILES[0], FILES[3]), members=("learner", "replay-0"), config=as_tree(config()))
    check_ours(without_actors, come_and_go)
    with pytest.raises(ForeignVersionError, match=r"^version 000042: component replay-0 is missing$"):
        check_ours(make_manifest(42, FILES[:3], members=MEMBERS[:3], config=as_tree(config())), come_and_go)


def test_a_configuration_that_the_version_does_not_say_is_not_compared():
    assert check_ours(version(config=None), replace(OURS, config=config("learner.gamma=0.5"))) == ()
    with pytest.raises(ForeignVersionError, match="record layout: expected m, found l"):
        check_ours(version(config=None), replace(OURS, layout_digest="m"))
