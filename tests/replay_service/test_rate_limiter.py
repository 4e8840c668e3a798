"""Traces with the running balance beside each line."""

from hypothesis import given
from hypothesis import strategies as st

from replay_service.rate_limiter import RateLimiter


def test_sampling_is_blocked_until_min_size_is_reached():
    limiter = RateLimiter(samples_per_insert=1.0, min_size=10, tolerance=100.0)
    limiter.inserted = 9
    assert not limiter.can_sample(1)
    limiter.inserted = 10
    assert limiter.can_sample(1)


def test_the_balance_keeps_both_sides_within_the_tolerance():
    limiter = RateLimiter(samples_per_insert=2.0, min_size=10, tolerance=8.0)
    limiter.inserted = 10  # balance 0
    limiter.sampled += 2  # balance -2
    assert limiter.can_sample(6)
    assert not limiter.can_sample(7)
    limiter.sampled += 6  # balance -8
    assert not limiter.can_sample(1)
    assert limiter.can_insert(8)
    limiter.inserted += 6  # balance +4
    assert limiter.can_insert(2)
    assert not limiter.can_insert(3)
    assert not limiter.can_insert(1, pending=2)
    limiter.inserted += 2  # balance +8
    assert not limiter.can_insert(1)
    assert limiter.can_sample(16)
    limiter.sampled += 2  # balance +6
    assert limiter.can_insert(1)
    assert not limiter.can_insert(2)


def test_inserts_are_free_below_min_size():
    limiter = RateLimiter(samples_per_insert=4.0, min_size=10, tolerance=4.0, inserted=9)  # balance -4
    assert limiter.can_insert(1)
    limiter.inserted = 11  # balance +4
    assert not limiter.can_insert(1)


def test_without_a_ratio_only_min_size_holds():
    limiter = RateLimiter(samples_per_insert=None, min_size=10, tolerance=1.0)
    assert limiter.can_insert(10**9)
    assert not limiter.can_sample(1)
    limiter.inserted = 10
    assert limiter.can_sample(10**9)


@given(
    moves=st.lists(st.tuples(st.integers(1, 100), st.integers(1, 100)), max_size=50),
    samples_per_insert=st.floats(0.1, 10.0),
    min_size=st.integers(0, 50),
    tolerance=st.floats(1.0, 100.0),
)
def test_one_side_can_always_move_however_big_its_moves_are(moves, samples_per_insert, min_size, tolerance):
    limiter = RateLimiter(samples_per_insert, min_size, tolerance)
    biggest = 0.0
    for steps, windows in moves:
        biggest = max(biggest, steps * samples_per_insert, windows)
        if limiter.can_insert(steps):
            limiter.inserted += steps
        else:
            assert limiter.can_sample(windows), limiter
            limiter.sampled += windows
        if limiter.inserted >= min_size:
            assert abs(limiter.balance) <= max(tolerance, biggest) + 1e-6, "strayed further than its biggest move"


def test_a_limiter_says_what_it_waits_for():
    limiter = RateLimiter(samples_per_insert=1.0, min_size=10, tolerance=5.0, inserted=4)
    assert limiter.why_no_sample() == "samples wait for inserts: 4 of the first 10 steps are there"
    limiter.inserted, limiter.sampled = 10, 5
    assert limiter.why_no_sample() == "samples wait for inserts: 5 samples ahead, at most 5 allowed"
    limiter.inserted = 20
    assert limiter.why_no_insert() == "inserts wait for samples: 5 samples ahead, at most 5 allowed"


def test_a_ratio_that_is_changed_counts_from_then_on():
    limiter = RateLimiter(samples_per_insert=1.0, min_size=10, tolerance=100.0, inserted=1010, sampled=980)
    assert limiter.balance == 20.0
    limiter.change(4.0, 400.0)
    assert limiter.balance == 20.0  # the thousand steps before owe nobody 4000 samples
    limiter.inserted += 5
    assert limiter.balance == 40.0
    limiter.change(0.5, 30.0)
    assert limiter.balance == 30.0  # the most that is allowed
    assert limiter.can_sample(1)
    limiter.change(0.5, 30.0)
    assert limiter.balance == 30.0


def test_what_ran_free_begins_even_and_before_min_size_nothing_is_owed():
    free = RateLimiter(samples_per_insert=None, min_size=10, tolerance=1.0, inserted=500, sampled=7)
    free.change(2.0, 50.0)
    assert free.balance == 0.0
    young = RateLimiter(samples_per_insert=1.0, min_size=10, tolerance=5.0, inserted=4)
    young.change(2.0, 5.0)
    young.inserted = 10
    assert young.balance == 0.0


def test_a_limiter_that_is_taken_up_holds_what_the_saved_one_held():
    saved = RateLimiter(samples_per_insert=1.0, min_size=10, tolerance=100.0, inserted=1010, sampled=980)
    saved.change(4.0, 400.0)
    saved.inserted += 5
    twin = RateLimiter(samples_per_insert=1.0, min_size=10, tolerance=100.0)
    twin.load_state(saved.state())
    assert twin == saved
    saved.change(None, 1.0)
    twin.load_state(saved.state())
    assert twin.samples_per_insert is None
    other = RateLimiter(samples_per_insert=4.0, min_size=10, tolerance=500.0)  # another configuration's tolerance
    other.load_state(twin.state() | {"ratio": 4.0})
    assert other.tolerance == 500.0
