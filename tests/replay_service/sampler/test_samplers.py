"""One suite over every sampler, then what is particular to each."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay_service.sampler.prioritized import PrioritizedSampler
from replay_service.sampler.uniform import UniformSampler

CAPACITY = 32


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def fill(sampler, lengths, period=1):
    """Insert episodes, dropping the oldest that do not fit; the positions that may be drawn."""
    episodes, head, used = [], 0, 0
    for steps in lengths:
        while used + steps + 1 > CAPACITY:
            first, dropped = episodes.pop(0)
            sampler.remove(first, dropped)
            used -= dropped + 1
        sampler.insert(head, steps)
        episodes.append((head, steps))
        head, used = head + steps + 1, used + steps + 1
    return [first + step for first, steps in episodes for step in range(0, steps, period)]


both = pytest.mark.parametrize("make", [lambda: UniformSampler(CAPACITY), lambda: PrioritizedSampler(CAPACITY, 0.6)])
lengths = st.lists(st.integers(1, 12), min_size=1, max_size=20)


@both
@given(lengths=lengths)
def test_only_held_items_are_drawn_and_each_with_its_probability(make, lengths):
    sampler = make()
    items = fill(sampler, lengths)
    positions, probabilities = sampler.draw(50, generator())
    assert sampler.items == len(items)
    assert set(positions.tolist()) <= set(items)
    np.testing.assert_allclose(probabilities, 1.0 / len(items))


@both
def test_every_start_of_every_episode_is_equally_likely_however_long_the_episode(make):
    """Pitfall 16: uniform over episodes would draw the short episode's only start ten times too often."""
    sampler = make()
    items = fill(sampler, [1, 10, 5])
    positions, _ = sampler.draw(160_000, generator())
    counts = np.array([np.count_nonzero(positions == item) for item in items])
    expected = len(positions) / len(items)
    chi_square = np.sum((counts - expected) ** 2 / expected)
    assert chi_square < 45.0  # 15 degrees of freedom: above it once in 10,000


@pytest.mark.parametrize("kind", [UniformSampler, lambda *a: PrioritizedSampler(a[0], 0.6, a[1])])
@given(lengths=lengths, period=st.integers(2, 5))
def test_with_a_period_only_every_so_manieth_step_starts_a_window(kind, lengths, period):
    sampler = kind(CAPACITY, period)
    items = fill(sampler, lengths, period)
    positions, probabilities = sampler.draw(200, generator())
    assert sampler.items == len(items)
    assert len(positions) == 200
    assert set(positions.tolist()) <= set(items)
    np.testing.assert_allclose(probabilities, 1.0 / len(items))


@both
def test_the_same_stream_draws_the_same_items(make):
    first, second = make(), make()
    fill(first, [3, 9])
    fill(second, [3, 9])
    np.testing.assert_array_equal(first.draw(20, generator(5))[0], second.draw(20, generator(5))[0])


def test_draws_follow_the_power_of_the_priorities():
    sampler = PrioritizedSampler(CAPACITY, exponent=0.5)
    items = np.array(fill(sampler, [4]))
    sampler.update(items, np.array([1, 4, 9, 16], np.float32))
    positions, probabilities = sampler.draw(100_000, generator())
    for item, weight in zip(items, [1, 2, 3, 4], strict=True):
        drawn = positions == item
        assert abs(np.mean(drawn) - weight / 10) < 0.006  # four standard errors
        np.testing.assert_allclose(probabilities[drawn], weight / 10)


def test_new_items_enter_with_the_highest_priority_seen():
    sampler = PrioritizedSampler(CAPACITY, exponent=1.0)
    fill(sampler, [2])
    sampler.update(np.array([0, 1]), np.array([5, 0.5], np.float32))
    sampler.insert(3, 1)
    assert sampler.total_weight == pytest.approx(5 + 0.5 + 5)


def test_an_item_of_priority_zero_can_still_be_drawn():
    sampler = PrioritizedSampler(CAPACITY, exponent=1.0)
    fill(sampler, [1])
    sampler.update(np.array([0]), np.array([0.0], np.float32))
    assert sampler.draw(1, generator())[0].tolist() == [0]
