"""Who waits for what, in words; and the log tells when a stall begins and ends."""

from structlog.testing import capture_logs

from learner.head import SILENCE_S, Head
from learner.stalls import STALL_S, Stalls
from learner.waits import Wait, in_words, limiters_awaited, members_awaited, shards_awaited, standing_still
from protos import control_pb2, replay_pb2


def head_with(*actors: str) -> Head:
    head = Head()
    for name in actors:
        request = control_pb2.JoinRequest(member=name, incarnation="a", role=control_pb2.ROLE_ACTOR, lanes=2)
        head.join(request, 100.0)
    return head


def stats(**about) -> replay_pb2.StatsResponse:
    return replay_pb2.StatsResponse(**{"redis_available": True, **about})


def words(waits: list[Wait]) -> list[tuple[str, str]]:
    return [(wait.kind, wait.text) for wait in waits]


def test_nobody_has_joined():
    assert words(members_awaited(Head(), 0.0)) == [("actors", "no actor has joined yet")]
    left = head_with("actor-0")
    left.leave("actor-0", "a")
    assert words(members_awaited(left, 100.0)) == [("actors", "no actor has joined yet")]


def test_one_actor_that_speaks_is_enough():
    head = head_with("actor-0", "actor-1")
    head.hear("actor-1", "a", 200.0)
    assert members_awaited(head, 201.0) == []


def test_actors_that_have_fallen_silent_are_named():
    head = head_with("actor-1", "actor-0")
    head.hear("actor-0", "a", 103.0)
    expected = "no actor has spoken for 20 s (expected actor-0, actor-1)"
    assert words(members_awaited(head, 103.0 + 2 * SILENCE_S)) == [("actors", expected)]


def test_actors_of_an_earlier_life_of_the_learner_are_awaited():
    head = Head.from_state(head_with("actor-0").state(101.0), 0.0)
    expected = "no actor has spoken since the learner has started (expected actor-0)"
    assert words(members_awaited(head, 1.0)) == [("actors", expected)]


def test_shards_and_redis_are_awaited_whatever_else_goes_on():
    found = shards_awaited(
        ["replay service at x:1 does not answer"],
        [stats(), stats(redis_available=False, blocked_by="appends wait for Redis")],
    )
    assert words(found) == [
        ("shard", "replay service at x:1 does not answer"),
        ("redis", "appends wait for Redis"),
    ]


def test_the_limiter_holds_back_one_side_or_the_other():
    learner = stats(waiting_samples=1, blocked_by="samples wait for inserts: 3 of the first 9 steps are there")
    actors = stats(waiting_appends=4, blocked_by="inserts wait for samples: 70 samples ahead, at most 64 allowed")
    redis = stats(redis_available=False, blocked_by="appends wait for Redis")
    assert words(limiters_awaited([stats(), learner, actors, redis])) == [
        ("inserts", learner.blocked_by),
        ("samples", actors.blocked_by),
    ]


def test_who_does_nothing_is_said_where_nobody_says_why():
    assert standing_still(1.0, 1.0) == ""
    assert standing_still(0.0, 1.0) == "the actors make no steps"
    assert standing_still(1.0, 0.0) == "the learner makes no updates"
    assert standing_still(0.0, 0.0) == "the actors make no steps and the learner makes no updates"


def test_a_stall_is_told_once_when_it_has_begun_and_once_when_it_has_ended():
    stalls, redis, inserts = Stalls(), [Wait("redis", "Redis is away")], [Wait("inserts", "samples wait")]
    with capture_logs() as lines:
        stalls.look(redis, 10.0)
        assert lines == []
        for seconds in (STALL_S, STALL_S + 1, STALL_S + 2):
            stalls.look(redis, 10.0 + seconds)
        stalls.look(redis + inserts, 20.0)
        stalls.look(inserts, 25.0)  # whoever waits for something else has a stall of their own
        stalls.look([], 26.0)
        stalls.look([], 27.0)
    assert lines == [
        {"event": "stall_begins", "reason": "redis", "waiting": "Redis is away", "log_level": "warning"},
        {"event": "stall_begins", "reason": "inserts", "waiting": "samples wait", "log_level": "warning"},
        {"event": "stall_ends", "reason": "redis", "waited": "Redis is away", "seconds": 15.0, "log_level": "info"},
        {"event": "stall_ends", "reason": "inserts", "waited": "samples wait", "seconds": 6.0, "log_level": "info"},
    ]


def test_a_short_wait_is_no_stall_and_the_next_one_begins_anew():
    stalls = Stalls()
    with capture_logs() as lines:
        for second in range(10):
            stalls.look([Wait("version", "a version is cut")], 10.0 * second)
            stalls.look([], 10.0 * second + 1.0)
    assert lines == []
    assert in_words([]) == ""
