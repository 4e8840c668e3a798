"""The rewards, worked by hand; `test_against_scalar_rules` has them along whole lives."""

import pytest
import torch
from hamlet_levels import INTERACT, UP, WAIT, lane_at, level, new_world, same_for_all


def wait_to_the_end(*overrides):
    """The rewards of one who only waits, until the first end."""
    world = new_world(level("L1_full", *overrides), lanes=1)
    rewards, ended = [], False
    while not ended:
        step = world.step(same_for_all(world, WAIT))
        rewards.append(step.reward.item())
        ended = step.finished is not None
        assert step.reward.dtype == torch.float32
    return rewards


def test_alive_pays_each_step_survived_and_charges_the_dying_one():
    assert wait_to_the_end() == [1.0] * 163 + [-100.0]
    assert wait_to_the_end("step_cap=10") == [1.0] * 10


def test_wellbeing_is_energy_times_health_and_nothing_in_death():
    rewards = wait_to_the_end("reward=wellbeing")
    assert rewards[0] == pytest.approx(0.994 * 0.999495, abs=1e-6)
    assert rewards[-1] == 0.0
    assert all(0.0 < reward < 1.0 for reward in rewards[:-1])


def test_survival_baseline_pays_both_ends_alike():
    """Pitfall 8: reaching the cap paid nothing while dying late paid a bonus."""
    baseline = 1 / 0.006
    assert wait_to_the_end("reward=survival_baseline") == [0.0] * 163 + [pytest.approx(164 - baseline, abs=1e-4)]
    world = new_world(level("L1_full", "reward=survival_baseline", "step_cap=180"))
    lane = lane_at(world, 1, 1)
    rewards = [
        world.step(same_for_all(world, INTERACT if count == 100 else WAIT)).reward[lane].item() for count in range(180)
    ]
    assert rewards == [0.0] * 179 + [pytest.approx(180 - baseline, abs=1e-4)]


def test_who_only_waits_gets_nothing_at_a_cap_before_the_baseline():
    assert wait_to_the_end("reward=survival_baseline", "step_cap=150") == [0.0] * 150


@pytest.mark.parametrize(("multiplier", "baseline"), [(0.2, 1 / 0.002), (0.5, 1 / 0.0035), (1.0, 1 / 0.006)])
def test_the_baseline_is_the_life_of_one_who_only_waits_at_this_difficulty(multiplier, baseline):
    rewards = wait_to_the_end("reward=survival_baseline", f"multiplier={multiplier}", "step_cap=1000")
    assert rewards[-1] == pytest.approx(len(rewards) - baseline, abs=1e-3)


def test_sparse_charges_each_need_below_a_fifth_in_the_dying_step_too():
    rewards = wait_to_the_end("reward=sparse", "meters.hygiene.initial=0.2", "meters.satiation.initial=0.19")
    assert rewards[0] == 1.0 - 2.0 - 2.0
    assert rewards[-1] == 1.0 - 3 * 2.0


SHAPED = ("reward=shaped", "multiplier=0.0", "modulations=[]", "cascades.groups=[]")


def test_shaped_hints_at_the_bed_while_energy_is_low():
    low = new_world(level("L1_full", *SHAPED, "meters.energy.initial=0.25"))
    high = new_world(level("L1_full", *SHAPED, "meters.energy.initial=0.5"))
    lanes = [lane_at(low, *at) for at in ((1, 1), (7, 7), (4, 4))]
    near = low.step(same_for_all(low, WAIT)).reward[lanes]
    assert near.tolist() == pytest.approx([1.0 + 0.1, 1.0 + 0.1 * (1 - 12 / 14), 1.0 + 0.1 * (1 - 6 / 14)], abs=1e-6)
    assert high.step(same_for_all(high, WAIT)).reward[lanes].tolist() == [1.0] * 3


def test_shaped_pays_for_using_the_bed_while_energy_is_low_and_for_what_it_brought():
    low = new_world(level("L1_full", *SHAPED, "meters.energy.initial=0.25", "meters.health.initial=0.5"))
    high = new_world(level("L1_full", *SHAPED, "meters.energy.initial=0.4", "meters.health.initial=0.5"))
    lane = lane_at(low, 1, 1)
    brought = 0.5 * (0.50 + 0.02)
    assert low.step(same_for_all(low, INTERACT)).reward[lane].item() == pytest.approx(1 + 5 + brought, abs=1e-6)
    assert high.step(same_for_all(high, INTERACT)).reward[lane].item() == pytest.approx(1 + brought, abs=1e-6)


def test_shaped_does_not_count_money_nor_what_a_full_meter_could_not_take():
    world = new_world(level("L1_full", *SHAPED))
    job, park = lane_at(world, 6, 6), lane_at(world, 0, 4)
    reward = world.step(same_for_all(world, INTERACT)).reward
    assert reward[job].item() == 1.0  # money and, at its most already, social
    assert reward[park].item() == 1.0
    assert world.step(same_for_all(world, UP)).reward[job].item() == 1.0
