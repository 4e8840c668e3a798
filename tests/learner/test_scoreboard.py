"""What the run's status says."""

import asyncio
from collections import defaultdict
from dataclasses import replace

from learner.goal import EvaluationPoint, Evaluations
from learner.head import Head, Member
from learner.meter import Meter
from learner.publisher import Publisher
from learner.scoreboard import Scoreboard
from protos import control_pb2


class Curves(defaultdict):
    """Points of each curve."""

    def __init__(self):
        super().__init__(list)

    def add_scalar(self, tag, scalar_value, global_step):
        self[tag].append(scalar_value)


def scoreboard(head: Head, scalars=None):
    return Scoreboard("r", head, Publisher(), Meter(), lambda: 0, lambda: (0.0, 0.1), scalars, lambda: None)


def status(head: Head):
    return scoreboard(head).status()


def test_what_the_agent_does_is_a_curve_and_part_of_the_status():
    point = EvaluationPoint(2000, 30.0, 400.0, 2.0, 300.0, 3.0, {"uses/Bed": 1.5})
    curves = Curves()
    head = Head()
    board = scoreboard(head, curves)
    head.evaluations.add(point)
    asyncio.run(board.look([]))
    asyncio.run(board.look([]))
    assert curves["habits/uses/Bed"] == [1.5]
    assert board.status().evaluations[0].habits == {"uses/Bed": 1.5}


def test_evaluations_from_before_a_restart_are_in_the_curves_already():
    point = EvaluationPoint(2000, 30.0, 400.0, 2.0, 300.0, 3.0)
    head, curves = Head(evaluations=Evaluations(None, [point])), Curves()
    board = scoreboard(head, curves)
    head.evaluations.add(replace(point, updates=4000, mean_survival=450.0))
    asyncio.run(board.look([]))
    assert curves["survival/greedy"] == [450.0]


def test_an_actor_known_from_before_is_not_ahead_of_a_learner_that_has_not_published_yet():
    """After a restart the books hold what each actor had applied, and no policy is published for a moment."""
    actor = Member(incarnation="a", role=control_pb2.ROLE_ACTOR, lanes=2, policy_version=6)
    found = status(Head(members={"actor-0": actor}))
    assert (found.policy_lag_mean, found.policy_lag_max) == (0.0, 0)
