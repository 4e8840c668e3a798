"""Who has done nothing since is named."""

from chaos.progress import Progress, who_stands_still

BEFORE = Progress(100, {"replay-0/a": (2, 5), "replay-1/b": (1, 9)})


def test_whoever_got_on_is_not_named():
    now = Progress(101, {"replay-0/a": (2, 6), "replay-1/b": (2, 1)})
    assert who_stands_still(BEFORE, now, ["replay-0/a", "replay-1/b"]) == []


def test_who_stands_still_has_opened_an_epoch_at_most_or_never_came():
    now = Progress(100, {"replay-0/a": (2, 5), "replay-1/b": (2, 0)})
    expected = ["replay-0/a", "replay-1/b", "replay-1/c"]
    assert who_stands_still(BEFORE, now, expected) == ["learner", *expected]
