"""Steps a second of each member, over its last looks."""

from learner.head import Member
from learner.paces import LOOKS, Paces


def members(steps: int, incarnation: str = "a") -> dict[str, Member]:
    return {"actor-0": Member(1, incarnation, environment_steps=steps)}


def test_a_pace_is_that_of_the_last_looks():
    paces = Paces()
    assert paces.per_s("actor-0") == 0.0
    paces.look(members(0), 0.0)
    assert paces.per_s("actor-0") == 0.0
    paces.look(members(100), 2.0)
    assert paces.per_s("actor-0") == 50.0
    for second in range(3, 3 + LOOKS):
        paces.look(members(100), float(second))
    assert paces.per_s("actor-0") == 0.0
    assert paces.per_s("actor-1") == 0.0


def test_who_starts_again_begins_anew():
    paces = Paces()
    paces.look(members(1000), 0.0)
    paces.look(members(2000), 1.0)
    paces.look(members(0, "b"), 2.0)
    assert paces.per_s("actor-0") == 0.0
    paces.look(members(10, "b"), 3.0)
    assert paces.per_s("actor-0") == 10.0
