"""A plan follows from its seed, and the rounds of a campaign share all failpoints out."""

import pytest

from chaos.plan import FAILPOINT, MEMBERS, REDIS_DATA, REDIS_FILES, plan_round
from townlet.failpoints import NAMES

KILLS = 24


def strikes(seed: int, failpoints=NAMES) -> list:
    return [strike for burst in plan_round(seed, KILLS, failpoints).bursts for strike in burst.strikes]


def test_the_same_seed_is_the_same_plan_and_another_one_is_another():
    assert plan_round(7, KILLS, NAMES) == plan_round(7, KILLS, NAMES)
    assert plan_round(7, KILLS, NAMES) != plan_round(8, KILLS, NAMES)


@pytest.mark.parametrize("seed", [1, 2, 50])
def test_a_plan_has_as_many_kills_as_were_asked_for(seed):
    assert len(strikes(seed)) == KILLS


def test_a_few_rounds_pass_every_failpoint_and_a_new_one_joins_by_itself():
    failpoints = (*NAMES, "quite.new")
    met = {strike.failpoint for seed in range(1, 6) for strike in strikes(seed, failpoints)}
    assert met - {""} == set(failpoints)


def test_every_member_is_killed_at_random_too():
    killed = {strike.target for seed in range(1, 6) for strike in strikes(seed)}
    assert killed >= {*MEMBERS, "everything", "up", FAILPOINT, REDIS_DATA, REDIS_FILES}


def test_who_shall_die_while_a_version_is_taken_up_loses_its_data_first():
    for strike in (strike for seed in range(1, 6) for strike in strikes(seed)):
        assert (strike.target == REDIS_DATA) == strike.failpoint.startswith("replay.take_up."), strike
