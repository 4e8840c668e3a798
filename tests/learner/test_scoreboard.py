"""What the run's status says."""

from learner.head import Head, Member
from learner.meter import Meter
from learner.publisher import Publisher
from learner.scoreboard import Scoreboard
from protos import control_pb2


def status(head: Head):
    return Scoreboard("r", head, Publisher(), Meter(), lambda: 0, lambda: (0.0, 0.1), None, None, lambda: None).status()


def test_an_actor_known_from_before_is_not_ahead_of_a_learner_that_has_not_published_yet():
    """After a restart the books hold what each actor had applied, and no policy is published for a moment."""
    actor = Member(incarnation="a", role=control_pb2.ROLE_ACTOR, lanes=2, policy_version=6)
    found = status(Head(members={"actor-0": actor}))
    assert (found.policy_lag_mean, found.policy_lag_max) == (0.0, 0)
