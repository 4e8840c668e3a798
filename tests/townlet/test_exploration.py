"""How actors explore."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from townlet.exploration import (
    decayed,
    epsilon_greedy,
    epsilon_greedy_by_tensors,
    ladder,
    ladder_range,
    normalised_entropy,
)
from townlet.exploration_settings import DecaySettings, LadderSettings


def test_the_ladder_is_the_published_one():
    epsilons = ladder(LadderSettings(), 0, 8, 8)
    expected = [0.4 ** (1 + 7 * i / 7) for i in range(8)]
    assert epsilons.tolist() == pytest.approx(expected)
    assert ladder_range(LadderSettings()) == pytest.approx((expected[-1], expected[0]))


def test_actors_stand_on_one_ladder_together():
    whole = ladder(LadderSettings(), 0, 6, 6)
    parts = torch.cat([ladder(LadderSettings(), 0, 2, 6), ladder(LadderSettings(), 2, 4, 6)])
    assert torch.equal(whole, parts)


def test_decay_follows_the_finished_episodes_of_the_run_down_to_its_minimum():
    settings = DecaySettings(start=1.0, minimum=0.1, factor=0.5)
    assert [decayed(settings, episodes) for episodes in (0, 1, 2, 50)] == [1.0, 0.5, 0.25, 0.1]


def test_greedy_lanes_take_the_best_valid_action():
    q = torch.tensor([[1.0, 9.0, 3.0]])
    mask = torch.tensor([[True, False, True]])
    assert epsilon_greedy(q, mask, torch.tensor([0.0]), torch.zeros(1, 4)).tolist() == [2]


def test_exploring_lanes_take_every_valid_action_alike_and_no_other():
    lanes = 30_000
    q = torch.tensor([[9.0, 0.0, 0.0, 0.0]]).expand(lanes, 4)
    mask = torch.tensor([[True, True, False, True]]).expand(lanes, 4)
    uniform = torch.rand(lanes, 5, generator=torch.Generator().manual_seed(0))
    actions = epsilon_greedy(q, mask, torch.ones(lanes), uniform)
    counts = torch.bincount(actions, minlength=4).tolist()
    assert counts[2] == 0
    assert all(abs(counts[a] - lanes / 3) < 4 * (lanes * 2 / 9) ** 0.5 for a in (0, 1, 3))


def test_epsilon_is_the_share_of_exploring_steps():
    lanes = 30_000
    q = torch.tensor([[1.0, 0.0]]).expand(lanes, 2)
    uniform = torch.rand(lanes, 3, generator=torch.Generator().manual_seed(1))
    actions = epsilon_greedy(q, torch.ones(lanes, 2, dtype=torch.bool), torch.full((lanes,), 0.3), uniform)
    assert abs(actions.float().mean().item() - 0.15) < 4 * (0.15 * 0.85 / lanes) ** 0.5


def test_the_entropy_is_1_for_who_takes_any_action_and_0_for_who_takes_the_best():
    mask = torch.tensor([[True, True, True, False], [True, True, False, False], [True, False, False, False]])
    assert normalised_entropy(torch.ones(3), mask).tolist() == pytest.approx([1.0, 1.0, 0.0], abs=1e-6)
    assert normalised_entropy(torch.zeros(3), mask).tolist() == [0.0, 0.0, 0.0]


def test_the_entropy_by_hand():
    """Epsilon 0.4 over 4 actions: 0.7, 0.1, 0.1, 0.1; 0.9404 nats of at most 1.3863."""
    found = normalised_entropy(torch.tensor([0.4]), torch.ones(1, 4, dtype=torch.bool))
    assert found.item() == pytest.approx(0.6784, abs=1e-4)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_the_entropy_is_that_of_the_actions_which_are_drawn_whatever_the_size_of_q(scale):
    """Pitfall 7: the entropy of softmax(Q) depends on Q's scale."""
    generator, draws = torch.Generator().manual_seed(1), 40_000
    q = scale * torch.tensor([[0.3, 0.1, 0.7, 0.2, 0.9]]).expand(draws, 5)
    mask = torch.tensor([[True, True, True, True, False]]).expand(draws, 5)
    epsilon = torch.full((draws,), 0.3)
    action = epsilon_greedy(q, mask, epsilon, torch.rand(draws, 6, generator=generator))
    share = torch.bincount(action, minlength=5)[:4] / draws
    drawn = float(-(share * share.log()).sum() / torch.tensor(4.0).log())
    assert normalised_entropy(epsilon[:1], mask[:1]).item() == pytest.approx(drawn, abs=0.01)


choices = st.integers(1, 4).flatmap(
    lambda actions: st.lists(
        st.tuples(
            st.lists(
                st.sampled_from([-1.0, 0.0, 1.0, -math.inf, math.inf, math.nan]), min_size=actions, max_size=actions
            ),
            st.lists(st.booleans(), min_size=actions, max_size=actions),
            st.lists(st.sampled_from([0.0, 0.25, 0.5]), min_size=actions + 1, max_size=actions + 1),
        ),
        min_size=1,
        max_size=6,
    )
)


@given(choices)
def test_both_ways_choose_alike_among_equals_too_and_where_a_network_has_gone_wrong(lanes):
    q, mask, uniform = (torch.tensor([lane[part] for lane in lanes]) for part in range(3))
    epsilon = torch.full((len(lanes),), 0.25)
    chosen = epsilon_greedy(q, mask, epsilon, uniform)
    assert chosen.tolist() == epsilon_greedy_by_tensors(q, mask, epsilon, uniform).tolist()
