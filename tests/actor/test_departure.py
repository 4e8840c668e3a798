"""When an actor that was told to stop leaves."""

from actor.departure import GONE_S, PUSH_S, Departure


def test_it_stays_until_the_learner_lets_it_go_and_then_for_what_it_has_pushed():
    departure = Departure(grace_s=60.0)
    for now_s in (10.0, 11.0, 12.0):
        departure.hear(now_s)
        assert not departure.is_due(now_s, let_go=False)
    departure.hear(13.0)
    assert departure.is_due(13.0, let_go=True)
    assert not departure.is_over(13.0)
    departure.hear(13.0 + PUSH_S)
    assert departure.is_due(13.0 + PUSH_S, let_go=True)
    assert departure.is_over(13.0 + PUSH_S)


def test_it_does_not_wait_for_a_learner_that_is_gone():
    departure = Departure(grace_s=60.0)
    departure.hear(10.0)
    assert not departure.is_due(10.0 + 0.9 * GONE_S, let_go=False)
    assert departure.is_due(10.0 + GONE_S, let_go=False)
    assert departure.is_over(10.0 + GONE_S)


def test_it_does_not_stay_for_longer_than_its_grace():
    departure = Departure(grace_s=2.0)
    for now_s, due in ((10.0, False), (11.9, False), (12.0, True)):
        departure.hear(now_s)
        assert departure.is_due(now_s, let_go=False) == due
    assert departure.is_over(12.0)
