"""What affordances take and give, when, and in how many ticks."""

import pytest
from hamlet_levels import (
    INTERACT,
    LEFT,
    LEVELS,
    RIGHT,
    flat,
    interact,
    lane_at,
    level,
    new_world,
    same_for_all,
    wait,
)

from townlet.worlds.hamlet.world import HamletWorld

# The specification's table, as it stands there.
TABLE = """
| 0 | Bed | 1,1 | .05 | energy +.50, health +.02 | 5 | .01 | energy +.075 | energy +.125, health +.02 | 0-24 |
| 1 | LuxuryBed | 2,1 | .11 | energy +.75, health +.05 | 6 | .01833 | energy +.09375 | energy +.1875, health +.05 | 0-24 |
| 2 | Shower | 2,2 | .03 | hygiene +.40 | 3 | .01 | hygiene +.10 | hygiene +.10 | 0-24 |
| 3 | HomeMeal | 1,3 | .03 | satiation +.45, health +.03 | 3 | .01 | satiation +.1125 | satiation +.1125, health +.03 | 0-24 |
| 4 | FastFood | 5,6 | .10 | satiation +.45, energy +.15, social +.01, fitness -.03, health -.02 | 2 | .05 | satiation +.16875, energy +.05625 | satiation +.1125, energy +.0375, social +.01, fitness -.03, health -.02 | 0-24 |
| 5 | Doctor | 5,1 | .08 | health +.25 | 2 | .04 | health +.09375 | health +.0625 | 8-18 |
| 6 | Hospital | 6,1 | .15 | health +.40 | 3 | .05 | health +.10 | health +.10 | 0-24 |
| 7 | Therapist | 1,7 | .15 | mood +.40 | 3 | .05 | mood +.10 | mood +.10 | 8-18 |
| 8 | Recreation | 0,7 | .06 | mood +.25, energy +.12 | 2 | .03 | mood +.09375, energy +.045 | mood +.0625, energy +.03 | 8-22 |
| 9 | Bar | 7,0 | .15 | social +.50, mood +.25, satiation +.30, energy -.20, hygiene -.15, health -.05 | 2 | .075 | social +.1875, mood +.09375, satiation +.1125 | social +.125, mood +.0625, satiation +.075, energy -.20, hygiene -.15, health -.05 | 18-28 |
| 10 | Job | 6,6 | 0 | money +.225, energy -.15, social +.02, health -.03 | 4 | 0 | money +.0421875 | money +.05625, energy -.15, social +.02, health -.03 | 8-18 |
| 11 | Labor | 7,6 | 0 | money +.150, energy -.20, fitness -.05, health -.05, social +.01 | 4 | 0 | money +.028125 | money +.0375, energy -.20, fitness -.05, health -.05, social +.01 | 8-18 |
| 12 | Gym | 7,3 | .08 | fitness +.30, energy -.08 | 3 | .02667 | fitness +.075 | fitness +.075, energy -.08 | 6-22 |
| 13 | Park | 0,4 | 0 | fitness +.20, social +.15, mood +.15, energy -.15 | 3 | 0 | fitness +.05, social +.0375, mood +.0375 | fitness +.05, social +.0375, mood +.0375, energy -.15 | 6-22 |
"""  # noqa: E501

# Nothing changes but what actions do.
TIMELESS = ("multiplier=0.0", "modulations=[]", "cascades.groups=[]", "actions.wait.energy=0.0")


def changes(text):
    return {name: float(amount) for name, amount in (part.split() for part in text.split(", "))}


@pytest.mark.parametrize("row", TABLE.strip().splitlines(), ids=lambda row: row.split("|")[2].strip())
def test_the_shipped_affordances_are_those_of_the_specification(row):
    number, name, at, cost, effects, count, tick_cost, tick, bonus, hours = map(str.strip, row.strip("|").split("|"))
    found = level("L1_full").affordances[name]
    assert found.id == int(number)
    assert found.at == tuple(map(int, at.split(",")))
    assert found.hours == tuple(map(int, hours.split("-")))
    assert (found.instant.cost, found.instant.effects) == (float(cost), changes(effects))
    ticks = found.ticks
    assert (ticks.count, ticks.cost, ticks.effects, ticks.bonus) == (
        int(count),
        float(tick_cost),
        changes(tick),
        changes(bonus),
    )


@pytest.mark.parametrize("name", LEVELS)
def test_the_ticks_of_a_use_add_up_to_the_instant_use_in_every_level(name):
    """Pitfall 18. LuxuryBed's and Gym's cost of a tick is rounded to $0.001."""
    rules = level(name)
    for affordance in (rules.affordances[name] for name in rules.affordance_names):
        ticks, instant = affordance.ticks, affordance.instant
        assert ticks.count * ticks.cost == pytest.approx(instant.cost, abs=1e-4)
        sums = {
            meter: ticks.count * ticks.effects.get(meter, 0.0) + ticks.bonus.get(meter, 0.0)
            for meter in ticks.effects.keys() | ticks.bonus.keys()
        }
        assert sums == pytest.approx(instant.effects)


@pytest.mark.parametrize("opens", [8, 18])
def test_a_whole_use_by_ticks_leaves_what_the_instant_use_leaves(opens):
    start = [f"meters.{name}.initial=0.22" for name in level("L1_full").meter_names]
    rules = level("L3_temporal", *TIMELESS, *start)
    by_ticks, at_once = new_world(rules), new_world(level("L2_partial", *TIMELESS, *start))
    wait(by_ticks, opens)
    interact(at_once, 1)
    compared = 0
    for tick in range(1, 7):
        interact(by_ticks, 1)
        for name in rules.affordance_names:
            affordance = rules.affordances[name]
            open_for_all = affordance.hours[0] <= opens and opens + tick <= affordance.hours[1]
            if affordance.ticks.count == tick and open_for_all:
                lane = lane_at(at_once, *affordance.at)
                assert by_ticks.lane(lane).meters == pytest.approx(at_once.lane(lane).meters, abs=1e-4)
                assert by_ticks.lane(lane).progress == 0
                compared += 1
    assert compared == {8: 13, 18: 10}[opens]


HOURS = {
    **dict.fromkeys(["Bed", "LuxuryBed", "Shower", "HomeMeal", "FastFood", "Hospital"], range(24)),
    **dict.fromkeys(["Doctor", "Therapist", "Job", "Labor"], range(8, 18)),
    "Recreation": range(8, 22),
    "Bar": [*range(18, 24), *range(4)],
    **dict.fromkeys(["Gym", "Park"], range(6, 22)),
}


def test_doors_open_and_close_at_their_hours_and_the_bar_past_midnight():
    rules = level("L3_temporal")
    world = new_world(rules)
    lanes = {name: lane_at(world, *rules.affordances[name].at) for name in rules.affordance_names}
    for hour in range(48):
        mask = world.view().action_mask[:, INTERACT]
        found = [name for name in lanes if mask[lanes[name]]]
        assert found == [name for name in rules.affordance_names if hour % 24 in HOURS[name]]
        wait(world, 1)


def test_nothing_ever_closes_without_temporal_mechanics():
    rules = level("L1_full")
    world = new_world(rules)
    lanes = [lane_at(world, *rules.affordances[name].at) for name in rules.affordance_names]
    for _ in range(24):
        assert world.view().action_mask[lanes, INTERACT].all()
        wait(world, 1)


def test_progress_at_a_door_that_closed_is_kept_until_it_opens_again():
    world = new_world(level("L3_temporal"))
    lane = lane_at(world, 6, 6)
    wait(world, 15)
    interact(world, 3)
    earned = world.lane(lane).meters["money"]
    interact(world, 2)  # 18:00 and 19:00
    assert world.lane(lane).progress == 3
    assert world.lane(lane).meters["money"] == earned
    wait(world, 12)
    assert (world.lane(lane).hour, world.lane(lane).progress) == (8, 3)
    interact(world, 1)
    assert world.lane(lane).progress == 0
    assert world.lane(lane).meters["money"] == pytest.approx(0.5 + 0.225)


def test_progress_outlasts_a_wait_and_a_step_off_the_grid_but_not_leaving_the_cell():
    world = new_world(level("L3_temporal"))
    lane = lane_at(world, 0, 4)  # the Park, at the western edge
    wait(world, 6)
    interact(world, 1)
    wait(world, 1)
    world.step(same_for_all(world, LEFT))
    assert (world.lane(lane).position, world.lane(lane).progress) == ((0, 4), 1)
    interact(world, 1)
    assert world.lane(lane).progress == 2
    world.step(same_for_all(world, RIGHT))
    assert world.lane(lane).progress == 0
    world.step(same_for_all(world, LEFT))
    interact(world, 1)
    assert (world.lane(lane).position, world.lane(lane).progress) == ((0, 4), 1)


def test_leaving_early_keeps_what_was_received_and_forfeits_the_bonus():
    world = new_world(level("L3_temporal", *TIMELESS, "meters.energy.initial=0.2", "actions.move={energy: 0.0}"))
    lane = lane_at(world, 1, 1)
    interact(world, 4)
    world.step(same_for_all(world, LEFT))
    assert world.lane(lane).meters["energy"] == pytest.approx(0.2 + 4 * 0.075, abs=2e-6)
    assert world.lane(lane).meters["money"] == pytest.approx(0.5 - 4 * 0.01, abs=2e-6)


def test_one_who_runs_out_of_money_keeps_the_ticks_that_were_paid():
    world = new_world(level("L3_temporal", *TIMELESS, "meters.energy.initial=0.2", "meters.money.initial=0.025"))
    lane = lane_at(world, 1, 1)
    interact(world, 4)
    state = world.lane(lane)
    assert (state.progress, state.steps) == (2, 4)
    assert state.meters["energy"] == pytest.approx(0.2 + 2 * 0.075, abs=2e-6)
    assert state.meters["money"] == pytest.approx(0.005, abs=2e-6)


@pytest.mark.parametrize(
    ("money", "left"), [(0.05, 0.0), (0.0501, 0.0001), (0.04995, 0.0), (0.0498, 0.0498), (0.0, 0.0)]
)
def test_five_dollars_buy_a_night_for_five_dollars_and_money_never_falls_below_zero(money, left):
    """A missing tenth of a cent is forgiven; more is not, and then nothing else happens."""
    world = new_world(level("L1_full", *TIMELESS, f"meters.money.initial={money}", "meters.energy.initial=0.2"))
    lane = lane_at(world, 1, 1)
    interact(world, 1)
    state = world.lane(lane)
    assert state.meters["money"] == pytest.approx(left, abs=1e-6)
    assert state.meters["money"] >= 0.0
    assert state.meters["energy"] == pytest.approx(0.7 if left < 0.04 and money else 0.2, abs=1e-6)
    assert state.steps == 1


def test_rounding_never_decides_whether_the_last_night_can_be_paid():
    """Ten nights for $5 out of $50, one after the other, in float32."""
    world = new_world(level("L1_full", *TIMELESS))
    lane = lane_at(world, 1, 1)
    paid = []
    for _ in range(10):
        interact(world, 1)
        paid.append(world.lane(lane).meters["money"])
    assert paid == pytest.approx([0.45, 0.40, 0.35, 0.30, 0.25, 0.20, 0.15, 0.10, 0.05, 0.0], abs=1e-6)


def test_interacting_costs_what_is_configured_whether_it_succeeds_or_not():
    """Pitfall 11: the cost of interacting was never charged."""
    free, charged = (new_world(level("L1_full", f"actions.interact.energy={cost}")) for cost in (0.0, 0.03))
    for world in (free, charged):
        interact(world, 1)
    for x, y in ((6, 6), (0, 0)):
        lane = lane_at(free, x, y)
        difference = free.lane(lane).meters["energy"] - charged.lane(lane).meters["energy"]
        assert difference == pytest.approx(0.03, abs=1e-6)


def test_what_interacting_costs_and_what_the_use_brings_are_one_sum():
    """Were the cost clamped at 0 by itself, the Park's +.15 would be left whole."""
    rules = level("L1_full", *TIMELESS, "actions.interact={mood: 0.02}", "meters.mood.initial=0.005")
    world = new_world(rules)
    lane = lane_at(world, 0, 4)
    interact(world, 1)
    assert world.lane(lane).meters["mood"] == pytest.approx(0.005 - 0.02 + 0.15, abs=1e-6)


def test_a_world_of_ticks_shows_progress_and_hour_and_another_does_not():
    by_ticks, at_once = new_world(level("L3_temporal")), new_world(level("L2_partial"))
    lane = lane_at(by_ticks, 1, 1)
    for world in (by_ticks, at_once):
        wait(world, 3)
        interact(world, 2)
    assert by_ticks.lane(lane).progress == 2
    assert by_ticks.view().observation["temporal"][lane].tolist() == pytest.approx(
        [0.9659258, 0.2588190, 0.4], abs=1e-6
    )
    assert at_once.lane(lane).progress == 0
    assert flat(by_ticks.view()).shape[1] == flat(at_once.view()).shape[1] + 3


def test_an_affordance_that_is_not_enabled_is_not_there():
    world = HamletWorld(level("L1_full", "enabled=[Job, Bed]"), lanes=400, seed=1)
    mask = world.reset().action_mask[:, INTERACT]
    assert {world.lane(lane).position for lane in mask.nonzero().flatten().tolist()} == {(1, 1), (6, 6)}
    assert list(world.lane(0).layout) == ["Bed", "Job"]
