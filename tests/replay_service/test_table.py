"""The table put together: what is sampled is what was inserted, and the books balance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay_service.arena import Arena, Slice
from replay_service.rate_limiter import RateLimiter
from replay_service.sampler.prioritized import PrioritizedSampler
from replay_service.sampler.uniform import UniformSampler
from replay_service.table import Table
from townlet.checkpoint.state import decode_state, encode_state
from townlet.errors import CheckpointError

STRIDE = 3


def make_table(capacity=40, sampler=None):
    return Table(
        Arena(capacity, STRIDE),
        sampler or UniformSampler(capacity),
        RateLimiter(None, 1, 1.0),
        np.random.Generator(np.random.Philox(1)),
    )


def episode(number, steps):
    rows = np.zeros((steps + 1, STRIDE), np.uint8)
    rows[:, 0], rows[:, 1] = number, np.arange(steps + 1)
    return rows.tobytes()


@given(st.lists(st.integers(1, 12), min_size=1, max_size=20), st.integers(0, 3), st.integers(1, 5))
def test_samples_are_windows_of_inserted_episodes_with_real_counts(lengths, before, after):
    table = make_table()
    for number, steps in enumerate(lengths):
        table.insert(number, episode(number, steps))
    sample = table.sample(20, before, after, [Slice(0, before + after, 0, 2), Slice(before, 1, 1, 1)])
    whole = np.frombuffer(sample.data, np.uint8, 20 * (before + after) * 2).reshape(20, before + after, 2)
    starts = np.frombuffer(sample.data, np.uint8, offset=whole.size)
    for window, start, real_before, real_after in zip(
        whole, starts, sample.real_before, sample.real_after, strict=True
    ):
        number = window[0, 0]
        steps = lengths[number]
        assert start < steps  # a final record starts no window
        assert real_before == min(start, before)
        assert real_after == min(steps - start, after)
        assert window[:, 1].tolist() == np.clip(int(start) + np.arange(-before, after), 0, steps).tolist()


def test_short_episodes_leave_part_of_the_window_unreal():
    """Pitfall 4: were starts kept inside, the mask would be all true and prove nothing."""
    table = make_table()
    table.insert(0, episode(0, 2))
    sample = table.sample(50, 4, 4, [Slice(0, 8, 0, STRIDE)])
    assert (sample.real_before < 4).all()
    assert (sample.real_after < 4).all()


def test_the_oldest_episodes_make_room():
    table = make_table(capacity=12)
    assert table.insert(0, episode(0, 4)) == []
    assert table.insert(1, episode(1, 3)) == []
    assert table.insert(2, episode(2, 7)) == [0]
    assert (table.records, table.episodes, table.items) == (12, 2, 10)
    assert table.limiter.inserted == 14


def test_priorities_of_items_that_are_gone_or_are_none_are_passed_over():
    table = make_table(12, PrioritizedSampler(12, 1.0))
    table.insert(0, episode(0, 4))  # positions 0 to 4
    table.insert(1, episode(1, 6))  # positions 5 to 11
    table.insert(2, episode(2, 4))  # drops episode 0; positions 12 to 16
    before = table.total_weight
    table.update_priorities(np.array([0, 4, 11, 16, 17, 10**12]), np.full(6, 9.0, np.float32))
    assert table.total_weight == before
    table.update_priorities(np.array([5, 12]), np.array([3.0, 4.0], np.float32))
    assert table.total_weight == pytest.approx(before + 2.0 + 3.0)


def test_windows_can_be_drawn_without_any_of_their_bytes():
    table = make_table()
    table.insert(0, episode(0, 5))
    sample = table.sample(4, 1, 1, [])
    assert sample.data.size == 0
    assert len(sample.keys) == 4


def test_sampling_counts_for_the_limiter():
    table = make_table()
    table.insert(0, episode(0, 4))
    table.sample(7, 0, 1, [Slice(0, 1, 0, 1)])
    assert table.limiter.sampled == 7


def live(table, lengths, first_number=0):
    """Insert, draw and return priorities; everything that was drawn."""
    drawn = []
    for number, steps in enumerate(lengths, first_number):
        table.insert(number, episode(number % 200, steps))
        sample = table.sample(3, 1, 2, [Slice(0, 3, 0, STRIDE)])
        table.update_priorities(sample.keys, np.arange(1, 4, dtype=np.float32) * (number % 7 + 1))
        drawn.append((sample.keys.tolist(), sample.probabilities.tolist(), sample.data.tolist(), table.total_weight))
    return drawn


def records_of(state, lengths):
    return [episode(order % 200, lengths[order]) for order in state["orders"].tolist()]


samplers = pytest.mark.parametrize("sampler", [UniformSampler, lambda n: PrioritizedSampler(n, 0.6)])


@samplers
@given(lengths=st.lists(st.integers(1, 12), min_size=2, max_size=20), data=st.data())
def test_a_table_taken_up_goes_on_as_the_one_that_was_saved(sampler, lengths, data):
    cut = data.draw(st.integers(0, len(lengths)))
    table = make_table(sampler=sampler(40))
    live(table, lengths[:cut])
    state = decode_state(*encode_state(table.state()), "test")
    other = make_table(sampler=sampler(40))
    other.load_state(state, records_of(state, lengths))
    assert live(other, lengths[cut:], cut) == live(table, lengths[cut:], cut)
    assert (other.records, other.episodes, other.items) == (table.records, table.episodes, table.items)
    assert vars(other.limiter) == vars(table.limiter)
    assert encode_state(other.state()) == encode_state(table.state())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda state: state.pop("tail"), "saved table: tail is missing"),
        (lambda state: state["orders"].__setitem__(1, 0), "saved table: orders: expected ascending numbers"),
        (lambda state: state["steps"].__setitem__(0, 99), "saved table: steps: expected at most 40 records .*, found"),
        (lambda state: state["steps"].__setitem__(0, 5), "saved episode 0: expected 18 bytes, found 15"),
        (lambda state: state["limiter"].update(sampled=-1), "saved limiter: sampled: expected values from 0"),
        (lambda state: state["sampler"].update(weights=np.ones(1)), r"saved sampler: weights: expected float64 \[7\]"),
        (lambda state: state["generator"].update(half=True), "saved random stream: half: expected int"),
    ],
)
def test_a_state_that_is_none_is_refused_by_name(damage, message):
    table = make_table(sampler=PrioritizedSampler(40, 0.6))
    live(table, [4, 3])
    state = table.state()
    damage(state)
    with pytest.raises(CheckpointError, match=message):
        make_table(sampler=PrioritizedSampler(40, 0.6)).load_state(state, [episode(0, 4), episode(1, 3)])
