"""How far behind the newest policy somebody is."""

import tracemalloc

from learner.lags import MOST, Lags


def test_who_acts_with_the_newest_policy_is_not_behind():
    lags = Lags()
    assert lags.age_s(5.0) is None
    assert lags.behind_s(0, 5.0) == 0.0
    lags.publish(1, 10.0)
    assert lags.behind_s(1, 15.0) == 0.0
    assert lags.age_s(15.0) == 5.0


def test_who_acts_with_an_older_one_is_behind_since_the_next_one_came():
    lags = Lags()
    for version, second in ((7, 10.0), (8, 20.0), (9, 30.0)):
        lags.publish(version, second)
    assert lags.behind_s(8, 31.0) == 1.0
    assert lags.behind_s(7, 31.0) == 11.0
    assert lags.behind_s(0, 31.0) == 21.0  # as far back as is known
    assert lags.behind_s(12, 31.0) == 0.0  # of a learner that has restarted since


def test_only_so_many_are_remembered():
    lags = Lags()
    for version in range(1, 2 * MOST):
        lags.publish(version, float(version))
    assert lags.behind_s(1, 2.0 * MOST) == MOST


def test_what_is_remembered_takes_no_more_memory_with_time():
    lags = Lags()
    lags.publish(1, 1.0)
    tracemalloc.start()
    for version in range(2, MOST):
        lags.publish(version, float(version))
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 4 * MOST
