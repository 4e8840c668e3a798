"""Of each member the last version counts, whatever has to be told again."""

from relay.acknowledgements import Acknowledgements


def test_what_was_told_is_taken_once_and_of_each_member_the_last():
    acknowledgements = Acknowledgements()
    acknowledgements.add({"actor-0": 1})
    acknowledgements.add({"actor-1": 2, "actor-0": 3})
    assert acknowledgements.take() == {"actor-0": 3, "actor-1": 2}
    assert acknowledgements.take() == {}


def test_what_could_not_be_passed_on_comes_again_unless_something_newer_was_told():
    acknowledgements = Acknowledgements()
    acknowledgements.add({"actor-0": 3, "actor-1": 2})
    lost = acknowledgements.take()
    acknowledgements.add({"actor-0": 1})  # the run has gone back to a version: newer, though smaller
    acknowledgements.put_back(lost)
    assert acknowledgements.take() == {"actor-0": 1, "actor-1": 2}
