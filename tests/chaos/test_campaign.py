"""The campaign's short form: a whole run under load, everybody killed, every promise kept."""

import pytest

from chaos import orders
from chaos.plan import EVERYTHING, FAILPOINT, Burst, Plan, Strike
from chaos.round import play

ONE_AFTER_THE_OTHER = (
    Strike(0.0, FAILPOINT, "version.before_commit"),
    Strike(1.0, "actor-1"),
    Strike(0.0, FAILPOINT, "replay.append.before_answer"),
    Strike(0.5, "redis"),
)
BURSTS = (Burst(2.0, ONE_AFTER_THE_OTHER), Burst(2.0, (Strike(0.0, EVERYTHING),)))
"""Every kind of member while others are still away, and then all of them."""


@pytest.mark.timeout(300)
def test_whoever_dies_nothing_acknowledged_is_lost_doubled_or_torn_and_the_run_goes_on(short_folder, monkeypatch):
    monkeypatch.setattr(orders, "PATIENCE_S", 120.0)
    told: list[str] = []
    played = play(Plan(1, BURSTS, ends_softly=True), short_folder / "c", limit_s=90.0, tell=told.append)
    assert played.violations == [], told
    assert played.not_reached == []
    killed = {kill.target for kill in played.kills}
    assert {"redis", "learner", "actor-1", "everything"} <= killed, told
    assert killed & {"replay-0", "replay-1"}, told
    assert played.acknowledged > 100
    assert played.verified > 0
