"""Exactly once, by epoch and sequence number."""

import pytest

from replay_service.producers import Producer, Producers
from townlet.errors import FencedError, SequenceError


def test_each_opening_starts_the_next_epoch_at_sequence_zero():
    producers = Producers()
    assert producers.open("a") == Producer(1, 0)
    producers.find("a", 1).next_sequence = 5
    assert producers.open("a") == Producer(2, 0)


def test_an_older_epoch_is_fenced():
    producers = Producers()
    producers.open("a")
    producers.open("a")
    with pytest.raises(FencedError, match="append by a: expected its newest epoch 2, found 1"):
        producers.find("a", 1)


def test_an_actor_nobody_opened_is_fenced():
    with pytest.raises(FencedError):
        Producers().find("a", 0)


def test_a_repeated_sequence_number_is_a_duplicate():
    producers = Producers({"a": Producer(1, 7)})
    assert producers.is_new("a", 1, 7)
    assert not producers.is_new("a", 1, 6)
    assert not producers.is_new("a", 1, 5)


def test_a_gap_is_refused():
    with pytest.raises(SequenceError, match="expected sequence number 7, found 8"):
        Producers({"a": Producer(1, 7)}).is_new("a", 1, 8)


def test_an_epoch_that_is_gone_is_no_zombies():
    """The shard was taken back to a version in which it had not begun."""
    with pytest.raises(SequenceError, match="expected its newest epoch 1, found 2: its epoch is gone"):
        Producers({"a": Producer(1, 7)}).find("a", 2)
