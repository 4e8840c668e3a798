"""What may change between two starts of a run is allowed, key by key; everything else is refused, and named."""

from itertools import chain

import pytest
from run_process import CONFIGS

from townlet.config_changes import FREE, PLACES, as_tree, changes, from_tree
from townlet.config_file import _known_keys, load_config
from townlet.errors import ConfigError, ForeignVersionError

WHOLE = (
    *("curriculum={kind: adversarial}", "curiosity={kind: rnd, weight: {kind: adaptive}}"),
    *("exploration={kind: ladder}", "learner.target={kind: polyak}"),
)
"""Every section is there, so that each key of it can be overridden."""


def config(*overrides: str):
    return load_config(CONFIGS / "L3_recurrent.yaml", [*WHOLE, *overrides])


@pytest.mark.parametrize(
    "override",
    [
        *("run.name=other", "run.root=/elsewhere", "replay.addresses=['far:1']", "replay.redis_url=redis://far:1"),
        *("learner.address=far:1", "checkpoint.root=s3://far/away", "replay.redis_password_file=/run/secrets/redis"),
        *("learner.listen=0.0.0.0:1", "replay.listen=0.0.0.0:1", "actor.health=0.0.0.0:1"),
        *("replay.redis_ca=/ca.pem", "replay.redis_cluster=true", "security.tokens=/tokens.yaml"),
        "security.tls={ca: /ca.pem, certificate: /run.pem, key: /run.key}",
        *("actor.policies_from=far:1", "relay.address=far:1", "relay.policies_from=far:1"),
    ],
)
def test_places_are_not_compared(override):
    assert changes(config(), config(override)) == ()


@pytest.mark.parametrize(
    ("override", "was"),
    [
        ("learner.learning_rate=0.5", 0.0003),
        ("learner.max_updates=9", None),
        ("learner.target.tau=0.5", 0.005),
        ("actor.count=3", 1),
        ("exploration.base=0.5", 0.4),
        ("curiosity.weight.factor=0.5", 0.99),
        ("curriculum.advance_survival=0.9", 0.7),
        ("evaluation.episodes=3", 200),
        ("checkpoint.period_s=5", 60.0),
        ("replay.samples_per_insert_tolerance=1e6", None),
    ],
)
def test_what_may_change_is_told_with_what_it_was(override, was):
    key, _, now = override.partition("=")
    (change,) = changes(config(), config(override))
    assert (change.key, change.was, float(change.now), change.allowed) == (key, was, float(now), True)


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("network.hidden=32", "network.hidden: expected 128, as it was, found 32"),
        ("world.step_cap=77", "world.step_cap: expected 500, as it was, found 77"),
        ("seed=2", "seed: expected 1, as it was, found 2"),
        ("learner.gamma=0.5", "learner.gamma: expected 0.99, as it was, found 0.5"),
        ("learner.n_step=1", "learner.n_step: expected 5, as it was, found 1"),
        ("learner.reward_scale=1.0", "learner.reward_scale: expected 0.05, as it was, found 1.0"),
        ("curiosity.weight.start=0.5", "curiosity.weight.start: expected 1.0, as it was, found 0.5"),
        ("actor.lanes=8", "actor.lanes: expected 64, as it was, found 8"),
        ("actor.part_length=64", "actor.part_length: expected 1024, as it was, found 64"),
        ("replay.capacity=400000", "replay.capacity: expected 500000, as it was, found 400000"),
        ("replay.samples_per_insert=2.0", "replay.samples_per_insert: expected"),
        ("replay.addresses=['a:1', 'b:1']", "replay.number_of_shards: expected 1, as it was, found 2"),
        ("curiosity=null", 'curiosity: expected {"kind": "rnd", '),
    ],
)
def test_everything_else_may_not_and_is_named_with_both_values(override, told):
    (change,) = changes(config(), config(override))
    assert not change.allowed
    assert str(change).startswith(told)


def test_another_kind_is_another_of_each_key():
    found = {change.key: change.allowed for change in changes(config(), config("learner.target={kind: copy}"))}
    assert found == dict.fromkeys(("learner.target.kind", "learner.target.tau", "learner.target.period_updates"), True)


def test_a_long_value_is_cut():
    (change,) = changes(config(), config("curriculum.stages=[{multiplier: 0.1}, {multiplier: 1.0}]"))
    assert len(str(change)) < 250


def test_every_key_that_is_named_is_a_key():
    for key in chain(PLACES, *FREE.values()):
        *section, name = key.split(".")
        assert name in _known_keys(tuple(section)), key


def test_a_configuration_that_was_kept_is_the_same_but_for_who_gets_into_redis():
    with pytest.raises(ConfigError, match="expected a URL without a password") as refused:
        config("replay.redis_url=redis://me:secret@host:1")
    assert "secret" not in str(refused.value)
    kept = config("replay.redis_url=redis://somebody@host:1")
    assert "somebody" not in str(as_tree(kept))
    assert changes(from_tree(as_tree(kept), "a test"), kept) == ()


def test_keys_that_are_newer_than_what_was_kept_have_their_defaults():
    tree = as_tree(config())
    del tree["learner"]["huber_delta"], tree["checkpoint"]
    assert changes(from_tree(tree, "a test"), config()) == ()


def test_what_is_no_configuration_any_more_is_refused_by_name():
    with pytest.raises(ForeignVersionError, match=r"^here: expected a configuration .*, found learner.gone: Extra"):
        from_tree({**as_tree(config()), "learner": {"gone": 1}}, "here")
