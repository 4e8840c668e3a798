"""Level files: what is shipped is what the specification says, and what is wrong is refused in one sentence."""

import pytest
from hamlet_levels import CONFIGS, LEVELS, level

from townlet.config_file import load_config
from townlet.errors import ConfigError

COLUMNS = ("grid", "view", "temporal", "affordances", "learning rate", "gamma", "cap", "money")
SHIPPED = {
    "L0_minimal": (5, "full", False, 1, 1e-3, 0.95, 300, 0.25),
    "L0_5_dual": (6, "full", False, 3, 1e-3, 0.99, 400, 0.25),
    "L1_full": (8, "full", False, 14, 2.5e-4, 0.99, 500, 0.5),
    "L2_partial": (8, "local", False, 14, 1e-4, 0.99, 500, 0.5),
    "L3_temporal": (8, "local", True, 14, 1e-4, 0.99, 500, 0.5),
    "three_meter": (8, "full", False, 4, 2.5e-4, 0.99, 500, 0.5),
}


@pytest.mark.parametrize("name", LEVELS)
def test_the_shipped_levels_are_these(name):
    config = load_config(CONFIGS / f"{name}.yaml")
    world, learner = config.world, config.learner
    found = (
        world.grid,
        world.view,
        world.temporal,
        len(world.affordance_names),
        learner.learning_rate,
        learner.gamma,
        world.step_cap,
        world.meters["money"].initial,
    )
    assert dict(zip(COLUMNS, found, strict=True)) == dict(zip(COLUMNS, SHIPPED[name], strict=True))
    assert (world.vision_radius, world.reward, world.layout, world.multiplier) == (2, "alive", "fixed", 1.0)
    assert learner.reward_scale == 0.05


def test_the_base_file_is_the_whole_town():
    assert load_config(CONFIGS / "hamlet.yaml").world == level("L1_full")


def test_the_small_levels_differ_where_the_specification_says():
    dual = level("L0_5_dual").affordances
    assert dual["Bed"].instant.cost == 0.03
    assert dual["Hospital"].at == (4, 4)
    assert dual["Hospital"].instant.cost == 0.09
    assert dual["Hospital"].instant.effects == {"health": 0.80, "energy": 0.10}
    assert level("L0_minimal").affordances["Bed"].instant.cost == 0.05


def test_the_three_meter_world_has_its_own_meters_places_and_deaths():
    world = level("three_meter")
    assert world.meter_names == ("energy", "hygiene", "satiation", "money")
    assert {name for name, meter in world.meters.items() if meter.lethal} == {"energy", "hygiene", "satiation"}
    places = {name: world.affordances[name].at for name in world.affordance_names}
    assert places == {"Bed": (1, 1), "Shower": (6, 1), "Fridge": (1, 6), "Job": (6, 6)}
    assert world.affordances["Fridge"].instant.cost == 0.03
    assert world.affordances["Fridge"].instant.effects == {"satiation": 0.45}


WRONG = {
    "a start above 1": (
        "meters.mood.initial=1.5",
        "world.meters.mood.initial: expected less than or equal to 1, found 1.5",
    ),
    "a start below 0": (
        "meters.mood.initial=-0.1",
        "world.meters.mood.initial: expected greater than or equal to 0, found -0.1",
    ),
    "a meter that starts dead": (
        "meters.energy.initial=0.0",
        "world.meters.energy.initial: expected more than 0 (the meter is lethal), found 0.0",
    ),
    "a negative decay": (
        "meters.mood.decay=-0.1",
        "world.meters.mood.decay: expected greater than or equal to 0, found -0.1",
    ),
    "a repeated index": (
        "meters.mood.index=1",
        "world.meters.mood.index: expected an index that no other meter has, found 1, the index of hygiene",
    ),
    "an index beyond the meters": (
        "meters.fitness.index=8",
        "world.meters.fitness.index: expected 0 to 7 (there are 8 meters), found 8",
    ),
    "an unknown tier": ("meters.mood.tier=tertiary", "world.meters.mood.tier: expected 'pivotal', 'primary'"),
    "an unknown meter in a modulation": (
        "modulations=[{source: charm, target: health, rate: 0.1, base: 0.1, slope: 0.1}]",
        "world.modulations.0.source: expected one of the meters energy, hygiene",
    ),
    "an unknown meter in a cascade": (
        "cascades.groups=[{source_tier: primary, target_tier: pivotal, "
        "cascades: [{source: mood, target: charm, strength: 0.1}]}]",
        "world.cascades.groups.0.cascades.0.target: expected one of the meters",
    ),
    "a cascade between other tiers than its group's": (
        "cascades.groups=[{source_tier: primary, target_tier: pivotal, "
        "cascades: [{source: social, target: energy, strength: 0.1}]}]",
        "world.cascades.groups.0.cascades.0.source: expected a primary meter, as the group says, found social, "
        "which is secondary",
    ),
    "an unknown meter in an effect": (
        "affordances.Bar.instant.effects.charm=0.1",
        "world.affordances.Bar.instant.effects.charm: expected one of the meters",
    ),
    "an unknown meter in a bonus": (
        "affordances.Bar.ticks.bonus.charm=0.1",
        "world.affordances.Bar.ticks.bonus.charm: expected one of the meters",
    ),
    "an unknown meter in an action's cost": (
        "actions.move.charm=0.1",
        "world.actions.move.charm: expected one of the meters",
    ),
    "an unknown meter to pay with": ("payment.meter=gold", "world.payment.meter: expected one of the meters"),
    "a place off the grid": (
        "affordances.Bar.at=[8, 0]",
        "world.affordances.Bar.at: expected a cell of the 8x8 grid, found [8, 0]",
    ),
    "a place on the negative side": (
        "affordances.Bar.at=[0, -1]",
        "world.affordances.Bar.at: expected a cell of the 8x8 grid, found [0, -1]",
    ),
    "two affordances on one cell": (
        "affordances.Park.at=[1, 1]",
        "world.affordances.Park.at: expected a cell that no other affordance has, found [1, 1], where Bed stands",
    ),
    "a repeated ID": (
        "affordances.Park.id=0",
        "world.affordances.Park.id: expected an ID that no other affordance has, found 0, the ID of Bed",
    ),
    "more affordances than cells": ("grid=3", "expected at most the 9 cells of the grid, found 14 affordances"),
    "hours that end before they begin": (
        "affordances.Park.hours=[9, 9]",
        "world.affordances.Park.hours: expected [opens, closes]",
    ),
    "hours of more than a day": ("affordances.Park.hours=[6, 31]", "found [6, 31]"),
    "hours that begin after the day's end": ("affordances.Park.hours=[24, 26]", "found [24, 26]"),
    "hours that are no pair": ("affordances.Park.hours=[6]", "world.affordances.Park.hours"),
    "an unknown affordance enabled": (
        "enabled=[Bed, Castle]",
        "world.enabled.1: expected one of the affordances Bed",
    ),
    "an affordance enabled twice": ("enabled=[Bed, Bed]", "world.enabled.1: expected each affordance once, found Bed"),
    "no affordance at all": ("enabled=[]", "world.enabled: expected"),
    "a use of no ticks": ("affordances.Bed.ticks.count=0", "world.affordances.Bed.ticks.count"),
    "a negative price": ("affordances.Bed.instant.cost=-0.1", "world.affordances.Bed.instant.cost"),
    "a negative cost of an action": ("actions.wait.energy=-0.1", "world.actions.wait.energy"),
    "an unknown key": ("gravity=9.81", "world.gravity: unknown key"),
    "an unknown key of a meter": ("meters.mood.colour=1", "world.meters.mood.colour: unknown key"),
    "an unknown reward": ("reward=applause", "world.reward: expected 'alive', 'wellbeing'"),
    "an unknown observation": ("observation=smell", "world.observation: expected 'classic' or 'typed', found 'smell'"),
    "an unknown layout": ("layout=round", "world.layout"),
    "a number in quotes": ("multiplier='1.0'", "world.multiplier: expected"),
    "a grid of one cell": ("grid=1", "world.grid: expected greater than or equal to 2, found 1"),
    "a cap of no steps": ("step_cap=0", "world.step_cap: expected greater than or equal to 1, found 0"),
    "a negative multiplier": ("multiplier=-1.0", "world.multiplier"),
    "an infinite multiplier": ("multiplier=.inf", "world.multiplier"),
    "a threshold of 0": ("cascades.threshold=0.0", "world.cascades.threshold: expected greater than 0, found 0"),
    "a window that sees nothing": ("vision_radius=0", "world.vision_radius"),
}


def message(name, *overrides):
    with pytest.raises(ConfigError) as caught:
        level(name, *overrides)
    return str(caught.value)


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_level_is_refused_with_the_key_the_reason_and_what_was_found(what):
    override, sentence = WRONG[what]
    assert sentence in message("L1_full", override)


def test_a_world_in_which_nobody_can_die_is_refused():
    immortal = [f"meters.{name}.lethal=false" for name in ("energy", "health")]
    assert "world.meters: expected at least one lethal meter, found none" in message("L1_full", *immortal)


@pytest.mark.parametrize(
    ("reward", "override", "sentence"),
    [
        ("sparse", "meters=[energy, charm]", "world.rewards.sparse.meters.1: expected one of the meters"),
        ("survival_baseline", "meter=charm", "world.rewards.survival_baseline.meter: expected one of the meters"),
        ("shaped", "meter=charm", "world.rewards.shaped.meter: expected one of the meters"),
        ("shaped", "affordance=Castle", "world.rewards.shaped.affordance: expected one of the enabled affordances"),
    ],
)
def test_the_chosen_reward_names_what_is_there(reward, override, sentence):
    assert sentence in message("L1_full", f"reward={reward}", f"rewards.{reward}.{override}")


def test_every_fault_of_a_level_is_reported_at_once_with_the_file_that_said_it(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(f"extends: {CONFIGS / 'L1_full.yaml'}\nworld: {{grid: 7, meters: {{mood: {{index: 3}}}}}}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    lines = str(caught.value).splitlines()
    assert f"{path}: world.meters.mood.index: expected an index that no other meter has" in lines[0]
    assert sum("expected a cell of the 7x7 grid" in line for line in lines) == 5


def test_a_level_takes_entries_of_the_one_it_extends_out_with_null():
    smaller = level("L1_full", "affordances.Bar=null")
    assert "Bar" not in smaller.affordance_names
    assert len(smaller.affordance_names) == 13
