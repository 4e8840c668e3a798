"""The curriculum section: the specification's numbers by default, and what is wrong in one sentence."""

from pathlib import Path

import pytest

from townlet.config_file import load_config
from townlet.curriculum.settings import AdversarialSettings, StagedSettings
from townlet.errors import ConfigError
from townlet.worlds.hamlet.rules import DifficultySettings

CONFIGS = Path(__file__).parents[3] / "configs"


def message(*overrides, config="L1_full"):
    with pytest.raises(ConfigError) as caught:
        load_config(CONFIGS / f"{config}.yaml", overrides)
    return str(caught.value)


def test_without_a_curriculum_the_level_is_played_as_it_is():
    for path in CONFIGS.glob("L?_*.yaml"):
        config = load_config(path)
        if path.stem != "L3_adversarial":
            assert config.curriculum.kind == "static"
            assert config.curriculum.difficulties == ()


def test_the_five_stages_are_the_specifications():
    stages = AdversarialSettings().stages
    assert [stage.multiplier for stage in stages] == [0.2, 0.5, 0.8, 1.0, 1.0]
    meters = [("energy", "hygiene"), *[("energy", "hygiene", "satiation")] * 2, None, None]
    assert [stage.decaying for stage in stages] == meters
    assert [stage.costs for stage in stages] == [False, False, True, True, True]
    assert stages[4] == DifficultySettings()  # the level itself


def test_the_three_stages_are_the_specifications():
    stages = StagedSettings().stages
    assert [stage.step_cap for stage in stages] == [50, 100, 500]
    assert [len(stage.decaying) for stage in stages] == [1, 2, 3]
    assert [stage.use_rewards for stage in stages] == [{"Bed": 5.0}, {}, {}]
    assert [stage.income for stage in stages] == [False] * 3
    passes = [(stage.passes.figure, stage.passes.above) for stage in stages]
    assert passes == [("mean_survival", 40.0), ("mean_return", 0.0), ("mean_survival", 200.0)]
    assert StagedSettings().difficulties[3] == DifficultySettings()


def test_the_examples_state_the_defaults():
    assert load_config(CONFIGS / "L3_adversarial.yaml").curriculum == AdversarialSettings()
    assert load_config(CONFIGS / "three_meter_staged.yaml").curriculum == StagedSettings()


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["curriculum={kind: steep}"], "curriculum: expected one of 'static', 'adversarial', 'staged'"),
        (["curriculum={kind: static, stages: []}"], "curriculum.stages: unknown key"),
        (
            ["curriculum={kind: adversarial, advance_survival: 1.0}"],
            "curriculum.advance_survival: expected less than 1, found 1.0",
        ),
        (
            ["curriculum={kind: adversarial, advance_entropy: 0.0}"],
            "curriculum.advance_entropy: expected greater than 0, found 0.0",
        ),
        (
            ["curriculum={kind: adversarial, retreat_survival: 0.8}"],
            "curriculum.retreat_survival: expected at most advance_survival (0.7), found 0.8",
        ),
        (["curriculum={kind: adversarial, window_episodes: 0}"], "curriculum.window_episodes: expected greater than"),
        (["curriculum={kind: adversarial, stages: [{}]}"], "curriculum.stages: expected "),
        (
            ["curriculum={kind: adversarial, stages: [{}, {decaying: [energy, charm]}]}"],
            "curriculum.stages.1.decaying.1: expected one of the meters energy, hygiene",
        ),
        (
            ["curriculum={kind: adversarial, stages: [{}, {use_rewards: {Castle: 1.0}}]}"],
            "curriculum.stages.1.use_rewards.Castle: expected one of the enabled affordances Bed",
        ),
        (
            ["curriculum={kind: adversarial, stages: [{}, {step_cap: 501}]}"],
            "curriculum.stages.1.step_cap: expected at most 500, as world.step_cap, found 501",
        ),
        (
            ["curriculum={kind: adversarial, stages: [{}, {multiplier: -1.0}]}"],
            "curriculum.stages.1.multiplier: expected greater than or equal to 0, found -1.0",
        ),
        (
            ["curriculum={kind: adversarial, stages: [{}, {reward: applause}]}"],
            "curriculum.stages.1.reward: expected 'alive', 'wellbeing'",
        ),
        (
            ["curriculum={kind: adversarial, stages: [{}, {reward: survival_baseline}]}"],
            "curriculum.stages.1.reward: expected alive, as world.reward "
            "(with survival_baseline the cap ends the value too), found survival_baseline",
        ),
        (
            ["curriculum={kind: adversarial, stages: [{}, {reward: shaped}]}", "world.enabled=[Job]"],
            "curriculum.stages.1.reward: shaped: world.rewards.shaped.affordance: expected one of the enabled",
        ),
        (
            ["curriculum={kind: staged, stages: [{}]}"],
            "curriculum.stages.0.passes: a required key is missing",
        ),
        (
            ["curriculum={kind: staged, stages: [{step_cap: 50, passes: {figure: mean_survival, above: 50.0}}]}"],
            "curriculum.stages.0.passes.above: expected less than the stage's cap of 50 steps, found 50",
        ),
        (
            ["curriculum={kind: staged, stages: [{passes: {figure: luck, above: 1.0}}]}"],
            "curriculum.stages.0.passes.figure: expected 'mean_survival' or 'mean_return', found 'luck'",
        ),
    ],
)
def test_a_wrong_curriculum_is_refused_with_the_key_and_what_was_expected(overrides, words):
    assert words in message(*overrides)


def test_a_world_without_stages_takes_no_other_curriculum():
    sentence = "curriculum.kind: expected static (only the world hamlet has stages; world.kind is recall), found staged"
    assert sentence in message("curriculum={kind: staged}", config="recall")
