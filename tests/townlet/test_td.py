"""The equations against loops, and one worked by hand."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from townlet.td import (
    double_q_value,
    eta_priority,
    huber,
    importance_weights,
    masked_argmax,
    n_step_discount,
    n_step_return,
    rescale,
    sequence_returns,
    unscale,
)


def test_a_three_step_return_worked_by_hand():
    rewards = torch.tensor([[1.0, 2.0, 4.0]])
    assert n_step_return(rewards, gamma=0.5).tolist() == [1.0 + 0.5 * 2.0 + 0.25 * 4.0]


@given(st.lists(st.floats(-10, 10, width=32), min_size=1, max_size=8), st.floats(0, 0.99))
def test_an_n_step_return_is_the_discounted_sum(rewards, gamma):
    expected = sum(gamma**k * reward for k, reward in enumerate(rewards))
    assert n_step_return(torch.tensor([rewards]), gamma=gamma).item() == pytest.approx(expected, abs=1e-3)


def test_the_bootstrap_is_discounted_by_the_real_steps_and_cut_where_the_value_ended():
    discount = n_step_discount(torch.tensor([3, 1, 3]), torch.tensor([False, False, True]), gamma=0.5)
    assert discount.tolist() == [0.125, 0.5, 0.0]


def test_the_online_network_picks_and_the_target_network_evaluates():
    value = double_q_value(
        q_online=torch.tensor([[1.0, 5.0, 3.0]]),
        q_target=torch.tensor([[10.0, 20.0, 30.0]]),
        action_mask=torch.ones(1, 3, dtype=torch.bool),
    )
    assert value.item() == 20.0


def test_an_action_that_cannot_be_taken_is_never_picked():
    q = torch.tensor([[1.0, 5.0, 3.0], [-9.0, -8.0, 7.0]])
    mask = torch.tensor([[True, False, True], [True, False, False]])
    assert masked_argmax(q, mask).tolist() == [2, 0]


def test_huber_is_quadratic_up_to_delta_and_linear_beyond():
    errors = torch.tensor([-3.0, -0.5, 0.0, 1.0, 2.0])
    assert huber(errors, delta=1.0).tolist() == [2.5, 0.125, 0.0, 0.5, 1.5]
    torch.testing.assert_close(
        huber(errors, delta=0.7), torch.nn.functional.huber_loss(errors, torch.zeros(5), reduction="none", delta=0.7)
    )


def test_importance_weights_undo_the_priorities_and_are_largest_for_the_rarest():
    weights = importance_weights(torch.tensor([0.5, 0.25, 0.25], dtype=torch.float64), 3, exponent=1.0)
    assert weights.tolist() == [0.5, 1.0, 1.0]
    flat = importance_weights(torch.tensor([0.5, 0.25], dtype=torch.float64), 3, exponent=0.0)
    assert flat.tolist() == [1.0, 1.0]


def test_returns_along_a_sequence_are_those_from_each_of_its_steps():
    rewards = torch.tensor([[1.0, 2.0, 4.0, 8.0]])
    assert sequence_returns(rewards, n_step=2, gamma=0.5).tolist() == [[2.0, 4.0, 8.0]]


def test_a_priority_mixes_the_largest_and_the_mean_error_of_the_valid_steps():
    errors = torch.tensor([[1.0, -3.0, 100.0]])
    valid = torch.tensor([[True, True, False]])
    assert eta_priority(errors, valid, eta=0.9).item() == pytest.approx(0.9 * 3.0 + 0.1 * 2.0)


@given(st.floats(-1e6, 1e6, width=32))
def test_unscaling_undoes_rescaling(value):
    assert rescale(torch.tensor(3.0)).item() == pytest.approx(1.0 + 0.003)  # by hand: sqrt(4) - 1 + 0.001 * 3
    there_and_back = unscale(rescale(torch.tensor(value, dtype=torch.float64))).item()
    assert there_and_back == pytest.approx(value, rel=1e-6, abs=1e-6)
