"""The tree against prefix sums."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay_service.sampler.sum_tree import MOST_STALE, SumTree

weights = st.lists(st.integers(0, 1000), min_size=1, max_size=70).filter(any)


@given(weights, st.integers(0, 2**32))
def test_find_is_a_search_in_the_prefix_sums(weights, seed):
    tree = SumTree(len(weights))
    tree.set(np.arange(len(weights)), np.array(weights, np.float64))
    sums = np.random.default_rng(seed).random(40) * tree.total
    np.testing.assert_array_equal(tree.find(sums), np.searchsorted(np.cumsum(weights), sums, side="right"))


@given(weights, st.data())
def test_the_total_is_the_sum_whatever_was_replaced(weights, data):
    tree = SumTree(len(weights))
    tree.set(np.arange(len(weights)), np.array(weights, np.float64))
    index = data.draw(st.integers(0, len(weights) - 1))
    tree.set(np.array([index, index]), np.array([3.0, 5.0]))
    assert tree.get(np.array([index])) == 5.0
    assert tree.total == pytest.approx(sum(weights) - weights[index] + 5.0)


@given(st.lists(st.floats(0, 10, width=32), min_size=1, max_size=70).filter(any), st.integers(0, 2**32))
def test_it_finds_what_a_tree_finds_that_keeps_every_sum(weights, seed):
    """To the bit: each sum is rounded as that of its two neighbours, whatever of the tree is in memory."""
    levels = [np.array([*weights, *[0.0] * (128 - len(weights))])]
    while len(levels[-1]) > 1:
        levels.append(levels[-1][::2] + levels[-1][1::2])

    def found(left_over):
        index = 0
        for level in levels[-2::-1]:
            left, right = level[2 * index : 2 * index + 2]
            goes_right = left_over >= left and right > 0.0
            left_over -= left if goes_right else 0.0
            index = 2 * index + goes_right
        return index

    tree = SumTree(len(weights))
    tree.set(np.arange(len(weights)), np.array(weights, np.float64))
    assert tree.total == levels[-1][0]
    sums = np.random.default_rng(seed).random(20) * tree.total
    assert tree.find(sums).tolist() == [found(left_over) for left_over in sums]


def test_however_many_changes_lie_between_two_looks_the_sums_are_those_of_the_last():
    random = np.random.default_rng(1)
    tree, looked_at = SumTree(1000), SumTree(1000)
    for _ in range(MOST_STALE // 500 + 10):
        indices, weights = random.integers(0, 1000, 500), random.random(500)
        for each in (tree, looked_at):
            each.set(indices, weights)
        assert looked_at.total > 0.0
    assert tree.total == looked_at.total
    sums = random.random(500) * tree.total
    np.testing.assert_array_equal(tree.find(sums), looked_at.find(sums))


def test_a_weight_of_zero_is_never_found_at_the_edge_of_rounding():
    tree = SumTree(5)
    tree.set(np.array([0, 2, 3]), np.array([0.1, 0.2, 0.3]))
    edge = np.array([tree.total, np.nextafter(tree.total, 0.0), np.nextafter(0.1, 1.0)])
    assert set(tree.find(edge).tolist()) <= {0, 2, 3}
