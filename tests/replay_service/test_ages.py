"""How old what is sampled is."""

from replay_service.ages import MOST, Ages


def test_a_record_is_as_old_as_the_first_look_that_saw_it():
    ages = Ages()
    ages.look(0, 100, 10.0)
    ages.look(0, 200, 20.0)
    assert ages.age_s(50, 30.0) == 20.0
    assert ages.age_s(99, 30.0) == 20.0
    assert ages.age_s(100, 30.0) == 10.0
    assert ages.age_s(200, 30.0) == 0.0


def test_looks_that_follow_at_once_are_spared():
    ages = Ages()
    ages.look(0, 100, 10.0)
    ages.look(0, 200, 10.5)
    assert ages.age_s(150, 30.0) == 0.0


def test_an_older_version_that_is_taken_up_begins_anew():
    ages = Ages()
    ages.look(0, 1000, 10.0)
    ages.look(0, 500, 20.0)
    assert ages.age_s(400, 30.0) == 10.0


def test_memory_is_bounded_whatever_comes():
    ages = Ages()
    for second in range(3 * MOST):
        ages.look(0, 10 * second, float(second))
    assert len(ages._heads) <= MOST
    now_s = 3.0 * MOST
    for second in (0, 1000, 3 * MOST - 50):
        assert 0 <= now_s - second - ages.age_s(10 * second, now_s) <= 16  # coarser, the older it is


def test_what_was_dropped_is_forgotten():
    ages = Ages()
    for second in range(10):
        ages.look(10 * max(0, second - 2), 10 * second, float(second))
    assert len(ages._heads) <= 4
