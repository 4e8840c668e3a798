"""What is set is checked as the configuration is, lasts, and can be taken back."""

from pathlib import Path

import pytest

from learner.steering import Steering
from townlet.config_file import load_config
from townlet.errors import InvalidRequestError

CONFIGS = Path(__file__).parents[2] / "configs"


def steering(config: str = "L1_full.yaml", *overrides: str) -> Steering:
    return Steering(load_config(CONFIGS / config, overrides))


def test_a_value_is_set_and_taken_back():
    steered = steering()
    configured = steered.config
    now, before = steered.set("learner.learning_rate", "1e-5")
    assert (now.value, before.value, now.configured) == (1e-5, before.configured, before.configured)
    assert steered.config.learner.learning_rate == 1e-5
    assert steered.config.learner.gamma == configured.learner.gamma
    steered.set("exploration.base", "0.2")
    assert [value.key for value in steered.values()] == ["exploration.base", "learner.learning_rate"]
    now, before = steered.set("learner.learning_rate", "")
    assert (now.value, before.value) == (configured.learner.learning_rate, 1e-5)
    assert steered.state() == {"exploration.base": 0.2}


def test_what_is_set_to_what_is_configured_is_not_set():
    steered = steering()
    steered.set("replay.samples_per_insert", "2.0")
    steered.set("replay.samples_per_insert", str(Steering(steering().config).config.replay.samples_per_insert))
    assert steered.state() == {}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("learner.learning_rate", "-1", r"set learner.learning_rate: .*expected greater than 0, found -1"),
        ("learner.learning_rate", "fast", r"expected a valid number, found 'fast'"),
        ("learner.learning_rate", "{", r"not a YAML value"),
        ("learner.learning_rate", ".nan", r"expected a finite number"),
        ("exploration.base", "1.5", r"expected less than 1, found 1.5"),
        ("exploration.minimum", "0.1", r"expected one of .*exploration\.base, exploration\.exponent"),
        ("learner.batch_size", "7", r"expected one of learner\.learning_rate"),
        ("nonsense", "7", r"expected one of learner\.learning_rate"),
        ("curiosity.weight.value", "1", r"expected one of learner\.learning_rate"),
    ],
)
def test_an_unknown_key_lists_those_that_can_be_set_and_a_bad_value_says_the_bound(key, value, message):
    steered = steering()
    configured = steered.config
    with pytest.raises(InvalidRequestError, match=message):
        steered.set(key, value)
    assert steered.config == configured
    assert steered.state() == {}


def test_each_kind_has_its_own_keys():
    assert "replay.samples_per_insert" not in steering("L1_full.yaml", "schedule={kind: lockstep}").keys
    assert "exploration.minimum" in steering("L1_full.yaml", "exploration={kind: decay}").keys
    assert "curiosity.weight.start" in steering("L3_curious.yaml", "curiosity.weight={kind: adaptive}").keys
    constant = steering("L3_curious.yaml", "curiosity.weight={kind: constant}").keys
    assert "curiosity.weight.value" in constant
    assert "curiosity.weight.start" not in constant


def test_what_was_set_goes_on_and_what_the_configuration_cannot_take_any_more_is_told():
    steered = steering()
    steered.set("replay.samples_per_insert", "null")
    steered.set("exploration.base", "0.3")
    again = steering()
    assert again.load_state(steered.state()) == []
    assert again.config == steered.config
    other = steering("L1_full.yaml", "exploration={kind: decay}")
    (refused,) = other.load_state(steered.state())
    assert "set exploration.base: expected one of" in refused
    assert other.state() == {"replay.samples_per_insert": None}


@pytest.mark.parametrize(("key", "value"), [("learner.learning_rate", "[" * 100_000), ("x" * 2**20, "1")])
def test_what_no_person_would_set_is_refused_in_few_words(key, value):
    with pytest.raises(InvalidRequestError) as caught:
        steering().set(key, value)
    assert len(str(caught.value)) < 1_000
