"""The model finds each promise that is broken, and accepts what nobody was told."""

import pytest

from chaos.episodes import KnownEpisodes
from chaos.model import Client, Epoch, Held, ShardModel
from townlet.records import RecordLayout
from townlet.specs import EnvironmentSpec, FieldSpec

LAYOUT = RecordLayout.of(
    EnvironmentSpec(
        observation=(FieldSpec("view", "float32", (9,)),), actions=3, step_cap=10, truncation_bootstraps=True
    )
)
KNOWN = KnownEpisodes(LAYOUT)
FIRST = 1 << 24


@pytest.fixture
def model() -> ShardModel:
    """Four episodes were sent and three acknowledged; before, in another epoch, two and none."""
    epochs = {1: Epoch([FIRST, FIRST + 1], 0), 2: Epoch([FIRST + 2, FIRST + 3, FIRST + 4, FIRST + 5], 3)}
    return ShardModel([Client("chaos", epochs)], KNOWN)


def held(*episodes: tuple[str, int]) -> list[Held]:
    """By name and number, in order."""
    return [Held(order, name, KNOWN.make(number)) for order, (name, number) in enumerate(episodes)]


GOOD = (("chaos/2/0", FIRST + 2), ("chaos/2/1", FIRST + 3), ("chaos/2/2", FIRST + 4))
OPEN = (("chaos/2/3", FIRST + 5),)
EARLIER = (("chaos/1/0", FIRST), ("chaos/1/1", FIRST + 1))


@pytest.mark.parametrize("episodes", [GOOD, GOOD + OPEN, EARLIER + GOOD, EARLIER[:1] + GOOD + OPEN])
def test_what_was_never_answered_may_be_there_or_not(model, episodes):
    assert model.check(held(*episodes)) == []


@pytest.mark.parametrize(
    ("kind", "episodes"),
    [
        ("lost", GOOD[:2]),
        ("lost", ()),
        ("lost", (GOOD[0], GOOD[2])),
        ("lost", (EARLIER[1], *GOOD)),
        ("doubled", (*GOOD, GOOD[1])),
        ("doubled", (*GOOD, ("chaos/2/3", FIRST + 4))),
        ("doubled", (*GOOD, ("other/1/0", FIRST + 4))),
        ("unknown", (*GOOD, *OPEN, ("chaos/2/4", FIRST + 6))),
        ("unknown", (*GOOD, ("chaos/3/0", FIRST + 6))),
        ("altered", (*GOOD[:2], ("chaos/2/2", FIRST + 5))),
        ("order", (GOOD[1], GOOD[0], GOOD[2])),
    ],
)
def test_each_broken_promise_is_found(model, kind, episodes):
    assert kind in {violation.kind for violation in model.check(held(*episodes))}


def test_a_single_flipped_bit_is_found(model):
    episodes = held(*GOOD)
    records = bytearray(episodes[1].records)
    records[5] ^= 1
    episodes[1] = Held(1, episodes[1].name, bytes(records))
    assert [violation.kind for violation in model.check(episodes)] == ["altered"]


def test_what_was_shown_once_must_stay(model):
    model.clients["chaos"].seen.add(FIRST + 5)
    assert [violation.kind for violation in model.check(held(*GOOD))] == ["lost"]
    assert model.check(held(*GOOD, *OPEN)) == []


def test_a_version_must_hold_what_was_acknowledged_before_it_was_begun(model):
    assert model.check(held(*GOOD[:2]), {("chaos", 2): 2}) == []
    assert [violation.kind for violation in model.check(held(*GOOD[:1]), {("chaos", 2): 2})] == ["lost"]


def test_a_shard_that_fell_back_owes_what_it_held_then_and_may_give_numbers_again(model):
    then = held(EARLIER[0], *GOOD[:2])
    model.fall_back(then)
    assert model.check(then) == []
    assert model.acknowledged == 3
    assert model.check(then[:2])[0].kind == "lost"
    model.clients["chaos"].epochs[3] = Epoch([FIRST + 9], 1)
    assert model.check([*then, Held(3, "chaos/3/0", KNOWN.make(FIRST + 9))]) == []


def test_other_producers_need_no_model_but_leave_no_gap(model):
    assert model.check([*held(*GOOD), Held(3, "actor-0/1/0", bytes(2 * LAYOUT.stride))]) == []
    wrong = model.check([*held(*GOOD), Held(3, "actor-0/1/1", bytes(2 * LAYOUT.stride))])
    assert [violation.kind for violation in wrong] == ["lost"]
