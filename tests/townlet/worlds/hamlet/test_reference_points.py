"""Exact points and traces of the specification, section 10."""

import pytest
import torch
from hamlet_levels import INTERACT, LEFT, RIGHT, UP, WAIT, lane_at, level, same_for_all

from townlet.worlds.hamlet.world import HamletWorld

NAMES = ("energy", "hygiene", "satiation", "money", "mood", "social", "health", "fitness")

TRACES = [
    (
        "L1_full",
        (1, 2),
        [WAIT] * 120 + [UP] + [INTERACT] * 3,
        {
            60: ((1, 2), 12, 0, ".640001 .819999 .760000 .500000 .940001 .640001 .960850 .880002"),
            120: ((1, 2), 0, 0, ".279885 .639997 .519999 .500000 .879415 .280001 .903701 .760003"),
            121: ((1, 1), 1, 0, ".269815 .633997 .511999 .500000 .878068 .274001 .902596 .758003"),
            122: ((1, 1), 2, 0, ".764730 .630997 .507999 .450000 .876642 .268001 .921485 .756003"),
            124: ((1, 1), 4, 0, ".994883 .624997 .499999 .350000 .873548 .256001 .959251 .752003"),
        },
    ),
    (
        "L1_full",
        (6, 6),
        [INTERACT] * 3 + [RIGHT] + [INTERACT] * 2,
        {
            1: ((6, 6), 1, 0, ".845000 .997000 .996000 .725000 .999000 .994000 .969495 .998000"),
            3: ((6, 6), 3, 0, ".535000 .991000 .988000 1.000000 .997000 .994000 .908470 .994000"),
            6: ((7, 6), 6, 0, ".115000 .979000 .972000 1.000000 .994000 .994000 .806520 .888000"),
        },
    ),
    (
        "L3_temporal",
        (6, 6),
        [WAIT] * 8 + [INTERACT] * 7 + [LEFT, RIGHT, INTERACT],
        {
            8: ((6, 6), 8, 0, ".952000 .976000 .968000 .500000 .992000 .952000 .995820 .984000"),
            11: ((6, 6), 11, 3, ".937000 .967000 .956000 .626563 .989000 .934000 .994170 .978000"),
            12: ((6, 6), 12, 0, ".782000 .964000 .952000 .725000 .988000 .948000 .963610 .976000"),
            15: ((6, 6), 15, 3, ".767000 .955000 .940000 .851563 .985000 .930000 .961900 .970000"),
            17: ((6, 6), 17, 0, ".747000 .943000 .924000 .851563 .983000 .918000 .960735 .966000"),
            18: ((6, 6), 18, 1, ".742000 .940000 .920000 .893750 .982000 .912000 .960145 .964000"),
        },
    ),
]


@pytest.mark.parametrize(("name", "start", "actions", "points"), TRACES, ids=["bed", "work", "work by ticks"])
def test_a_trace_passes_through_the_points_of_the_specification(name, start, actions, points):
    world = HamletWorld(level(name), lanes=400, seed=1)
    world.reset()
    lane = lane_at(world, *start)
    for count, action in enumerate(actions, start=1):
        world.step(same_for_all(world, action))
        if count in points:
            position, hour, progress, meters = points[count]
            state = world.lane(lane)
            assert (state.position, state.hour, state.progress, state.steps) == (position, hour, progress, count)
            expected = dict(zip(NAMES, map(float, meters.split()), strict=True))
            assert state.meters == pytest.approx(expected, rel=0, abs=2e-6)


def test_one_wait_costs_what_the_specification_says():
    world = HamletWorld(level("L1_full"), lanes=400, seed=1)
    world.reset()
    lane = lane_at(world, 1, 2)
    view = world.step(same_for_all(world, WAIT)).view
    expected = torch.tensor([0.994, 0.997, 0.996, 0.5, 0.999, 0.994, 0.999495, 0.998])
    torch.testing.assert_close(view.observation["meters"][lane], expected, rtol=0, atol=2e-6)
