"""Traces with the running balance beside each line."""

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
    assert limiter.can_sample(8)
    assert not limiter.can_sample(9)
    limiter.sampled += 8  # balance -8
    assert not limiter.can_sample(1)
    assert limiter.can_insert(8)
    assert not limiter.can_insert(9)
    limiter.inserted += 8  # balance +8
    assert not limiter.can_insert(1)
    assert limiter.can_sample(16)
    limiter.sampled += 2  # balance +6
    assert limiter.can_insert(1)
    assert not limiter.can_insert(2)


def test_inserts_are_free_below_min_size():
    limiter = RateLimiter(samples_per_insert=4.0, min_size=10, tolerance=4.0)
    assert limiter.can_insert(10)
    limiter.inserted = 10  # balance 0
    assert limiter.can_insert(1)
    assert not limiter.can_insert(2)


def test_without_a_ratio_only_min_size_holds():
    limiter = RateLimiter(samples_per_insert=None, min_size=10, tolerance=1.0)
    assert limiter.can_insert(10**9)
    assert not limiter.can_sample(1)
    limiter.inserted = 10
    assert limiter.can_sample(10**9)


def test_one_side_can_always_move_when_an_insert_and_a_request_fit_in_the_tolerance():
    limiter = RateLimiter(samples_per_insert=1.5, min_size=20, tolerance=12.0)
    moves = {"insert": 0, "sample": 0}
    for _ in range(500):
        if limiter.can_insert(8):  # brings 12 samples
            limiter.inserted += 8
            moves["insert"] += 1
        else:
            assert limiter.can_sample(12), limiter
            limiter.sampled += 12
            moves["sample"] += 1
    assert min(moves.values()) > 200


def test_a_limiter_says_what_it_waits_for():
    limiter = RateLimiter(samples_per_insert=1.0, min_size=10, tolerance=5.0, inserted=4)
    assert limiter.why_no_sample() == "samples wait for inserts: 4 of the first 10 steps are there"
    limiter.inserted, limiter.sampled = 10, 5
    assert limiter.why_no_sample() == "samples wait for inserts: 5 samples ahead, at most 5 allowed"
    limiter.inserted = 20
    assert limiter.why_no_insert() == "inserts wait for samples: 5 samples ahead, at most 5 allowed"
