"""Curiosity is asked for in the configuration, and what cannot be meant is refused by its key."""

from pathlib import Path

import pytest

from townlet.config_file import load_config
from townlet.curiosity import AdaptiveWeightSettings, ConstantWeightSettings, RndSettings
from townlet.errors import ConfigError

CONFIGS = Path(__file__).parents[2] / "configs"
L3 = CONFIGS / "L3_curious.yaml"


def test_it_is_off_unless_asked_for():
    assert load_config(CONFIGS / "L1_full.yaml").curiosity is None
    assert load_config(L3, ["curiosity=null"]).curiosity is None


def test_the_defaults_are_those_of_the_specification():
    settings = load_config(CONFIGS / "L1_full.yaml", ["curiosity={}"]).curiosity
    assert settings == RndSettings()
    assert (settings.hidden, settings.embedding, settings.observation_clip) == ((256, 128), 64, 5.0)
    weight = settings.weight
    assert isinstance(weight, AdaptiveWeightSettings)
    assert (weight.factor, weight.window_episodes, weight.variance_below, weight.mean_above) == (0.99, 100, 100.0, 0.4)


def test_the_weight_can_be_constant():
    text = "curiosity={weight: {kind: constant, value: 0.25}}"
    assert load_config(CONFIGS / "L1_full.yaml", [text]).curiosity.weight == ConstantWeightSettings(value=0.25)


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("hidden=[]", r"curiosity.hidden: expected .*at least 1"),
        ("embedding=0", "curiosity.embedding: expected greater than or equal to 1, found 0"),
        ("learning_rate=0", "curiosity.learning_rate: expected greater than 0, found 0"),
        ("weight.minimum=0.1", r"curiosity.weight.minimum: expected at most 0.05 \(the start\), found 0.1"),
        ("weight.factor=1.5", "curiosity.weight.factor: expected less than or equal to 1, found 1.5"),
        ("weight.mean_above=2", "curiosity.weight.mean_above: expected less than or equal to 1, found 2"),
        ("weight.kind=fading", "curiosity.weight: expected one of 'adaptive', 'constant'"),
        ("weight.widow_episodes=5", "curiosity.weight.widow_episodes: unknown key; did you mean window_episodes?"),
        ("kind=icm", "curiosity.kind: expected 'rnd', found 'icm'"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_key(override, sentence):
    with pytest.raises(ConfigError, match=sentence):
        load_config(L3, [f"curiosity.{override}"])


def test_a_start_below_the_default_minimum_is_refused():
    with pytest.raises(ConfigError, match=r"curiosity.weight.minimum: expected at most 0.001 \(the start\)"):
        load_config(CONFIGS / "L1_full.yaml", ["curiosity={weight: {kind: adaptive, start: 0.001}}"])
