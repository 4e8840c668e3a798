"""Who may leave, of those who were told to stop."""

from learner.farewells import Farewells
from townlet.lifecycle import TOGETHER_S


def test_one_that_is_stopped_alone_may_leave_a_moment_later():
    farewells = Farewells(lambda: False)
    assert not farewells.may_leave("a", 10.0)
    assert not farewells.may_leave("b", 10.0 + TOGETHER_S)
    assert farewells.may_leave("a", 10.0 + TOGETHER_S)
    farewells.forget("a")
    assert not farewells.may_leave("a", 11.0 + TOGETHER_S)


def test_nobody_may_leave_while_the_learner_stops_too():
    stopping = []
    farewells = Farewells(lambda: bool(stopping))
    assert not farewells.may_leave("a", 10.0)
    stopping.append(True)
    assert not farewells.may_leave("a", 100.0)
