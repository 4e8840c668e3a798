"""The judge of all peers, and what every peer tells, each in its own environment where it is installed."""

import json
import time

import numpy as np
import pytest

from bench.cartpole_race import PEERS
from bench.peers.judge import Judge


def balance(seen):
    """Pushes the cart to where the pole falls."""
    return (seen[:, 2] + 0.5 * seen[:, 3] > 0).astype(int)


def test_who_balances_reaches_the_goal_and_who_does_not_fails(capsys):
    judge = Judge(seed=1, goal=400)
    judge.start()
    assert not judge.judge(lambda seen: np.zeros(len(seen), int))
    assert 8 <= judge.mean_return <= 11
    assert judge.judge(balance)
    assert judge.mean_return <= 500
    judge.tell(7)
    told = json.loads(capsys.readouterr().out)
    assert told["reached"]
    assert told["environment_steps"] == 7
    assert told["started_at"] + told["evaluation_s"] <= told["ended_at"]


def test_who_goes_on_while_it_is_judged_is_timed_by_what_it_was_judged_by():
    judge = Judge(seed=1, goal=1000)
    judge.start()
    at = time.time()
    assert not judge.judge_beside(balance, as_of=at)
    assert judge.ended_at == at
    assert judge.evaluation_s == 0.0


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_a_peer_races_to_a_goal_that_anybody_reaches(peer):
    if not peer.python.exists():
        pytest.skip(f"{peer.name} is not installed")
    found = peer.race(1, 8.0)
    assert found.reached
    assert found.environment_steps > 0
    assert found.seconds > 0
    assert found.start_s > 0
