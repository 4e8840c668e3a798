"""Episodes wait for the commit of their round, and samples for their turn."""

import pytest

from replay_service.producers import Producer
from replay_service.rounds import Pushed, Rounds, WaitingEpisode
from townlet.errors import SequenceError, UnavailableError


def episode(actor: str, sequence: int, epoch: int = 1) -> WaitingEpisode:
    return WaitingEpisode(actor, epoch, sequence, f"{actor}/{sequence}".encode())


def test_a_round_is_gathered_in_the_order_of_the_actors_whoever_was_first():
    rounds = Rounds(0)
    producers = {"a": Producer(1, 5), "b": Producer(1, 0)}
    assert rounds.add(producers["b"], episode("b", 0)) == 1
    assert rounds.add(producers["a"], episode("a", 5)) == 6
    assert rounds.add(producers["a"], episode("a", 5)) == 6  # repeated after a lost answer
    assert rounds.add(producers["a"], episode("a", 6)) == 7
    found = rounds.gathered([Pushed("a", 1, 7), Pushed("b", 1, 1)], producers)
    assert [each.records for each in found] == [b"a/5", b"a/6", b"b/0"]
    rounds.commit(1)
    assert rounds.committed == 1
    assert rounds.gathered([], producers) == []


def test_a_gap_and_an_episode_that_is_missing_are_refused():
    rounds, producers = Rounds(3), {"a": Producer(1, 5)}
    with pytest.raises(SequenceError, match="expected sequence number 5, found 6"):
        rounds.add(producers["a"], episode("a", 6))
    rounds.add(producers["a"], episode("a", 5))
    with pytest.raises(UnavailableError, match="expected epoch and next sequence number 1, 7, found 1, 6"):
        rounds.gathered([Pushed("a", 1, 7)], producers)
    with pytest.raises(UnavailableError, match="found 0, 0"):
        rounds.gathered([Pushed("b", 1, 0)], producers)
    assert rounds.committed == 3


def test_a_new_epoch_begins_the_round_anew():
    rounds, producers = Rounds(0), {"a": Producer(2, 0)}
    rounds.add(Producer(1, 4), episode("a", 4))
    rounds.forget("a")
    rounds.add(producers["a"], episode("a", 0, epoch=2))
    assert [each.epoch for each in rounds.gathered([Pushed("a", 2, 1)], producers)] == [2]


def test_only_the_next_round_gathers_and_none_in_a_shard_that_has_restarted():
    rounds = Rounds(3)
    rounds.check(3)
    rounds.check(4)
    with pytest.raises(UnavailableError, match="gathers round 4, found 5"):
        rounds.check(5)
    with pytest.raises(UnavailableError, match="has restarted"):
        Rounds(None).check(1)


def test_turns_come_in_order_and_never_again():
    rounds = Rounds(0)
    assert rounds.is_turn(1)
    assert not rounds.is_turn(2)
    rounds.take_turn()
    assert rounds.is_turn(2)
    with pytest.raises(UnavailableError, match="expected turn 2, found 1"):
        rounds.is_turn(1)
    rounds.commit(1)
    assert rounds.is_turn(1)
