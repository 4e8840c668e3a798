"""The books of a run: everything counts once."""

import pytest

from learner.head import Head
from protos import control_pb2 as pb
from townlet.errors import FencedError, RefusedError, UnknownMemberError


def join(head, member="actor-0", incarnation="a", lanes=4, role=pb.ROLE_ACTOR, now_s=0.0):
    return head.join(pb.JoinRequest(member=member, incarnation=incarnation, lanes=lanes, role=role), now_s)


def report_stages(head, changes=(), lanes_at_stage=(), member="actor-0", incarnation="a"):
    """changes: (number, from_stage, to_stage). The numbers of those that are new, and of the next one."""
    stage_changes = [pb.StageChange(number=n, from_stage=was, to_stage=becomes) for n, was, becomes in changes]
    request = pb.ReportRequest(
        member=member, incarnation=incarnation, stage_changes=stage_changes, lanes_at_stage=lanes_at_stage
    )
    new, next_number = head.report_stages(request)
    return [change.number for change in new], next_number


def report(head, member="actor-0", incarnation="a", steps=0, episodes=(), evaluations=(), now_s=0.0, dropped=0):
    summaries = [
        pb.EpisodeSummary(number=number, steps=length, extrinsic_return=-length) for number, length in episodes
    ]
    return head.report(
        pb.ReportRequest(
            member=member,
            incarnation=incarnation,
            environment_steps=steps,
            episodes=summaries,
            evaluations=evaluations,
            dropped_episodes=dropped,
        ),
        now_s,
    )


def test_lanes_of_all_actors_stand_in_one_row():
    head = Head()
    assert join(head, "actor-0", lanes=4) == 0
    assert join(head, "evaluator", role=pb.ROLE_EVALUATOR, lanes=0) == 4
    assert join(head, "actor-1", lanes=2) == 4
    assert head.ladder_lanes == 6


def test_a_member_that_comes_back_keeps_its_place_and_its_past_counts():
    head = Head()
    join(head, "actor-0")
    report(head, steps=100, episodes=[(0, 10), (1, 20)])
    assert join(head, "actor-0", incarnation="b") == 0
    report(head, incarnation="b", steps=7, episodes=[(0, 5)])
    assert head.environment_steps == 107
    assert head.episodes == 3


def test_a_repeated_report_changes_nothing():
    head = Head()
    join(head)
    for _ in range(2):
        assert report(head, steps=50, episodes=[(0, 10), (1, 20)]) == 2
    assert (head.environment_steps, head.episodes, head.mean_survival) == (50, 2, 15.0)


def test_a_report_that_was_overtaken_does_not_turn_the_counters_back():
    head = Head()
    join(head)
    report(head, steps=50)
    report(head, steps=40)
    assert head.environment_steps == 50


def test_joining_twice_is_joining_once():
    head = Head()
    join(head)
    report(head, steps=50)
    join(head)
    assert head.environment_steps == 50


def test_strangers_and_former_incarnations_are_told_to_join():
    head = Head()
    with pytest.raises(UnknownMemberError):
        report(head)
    join(head, incarnation="a")
    join(head, incarnation="b")
    with pytest.raises(UnknownMemberError):
        report(head, incarnation="a")
    with pytest.raises(UnknownMemberError):
        report_stages(head, incarnation="a")


def test_members_acknowledge_together_and_strangers_are_passed_over():
    head = Head()
    join(head, "actor-0")
    join(head, "actor-1")
    head.acknowledge({"actor-0": 3, "nobody": 4, "actor-1": 5})
    head.acknowledge({"actor-1": 2})  # the run has gone back to a version
    assert {name: member.policy_version for name, member in head.members.items()} == {"actor-0": 3, "actor-1": 2}


@pytest.mark.parametrize(("members", "period_s"), [(1, 0.005), (100, 0.5), (1000, 5.0), (5000, 5.0)])
def test_many_members_are_to_report_less_often_but_never_seem_away(members, period_s):
    head = Head()
    for number in range(members):
        join(head, f"actor-{number}")
    assert head.report_period_s == pytest.approx(period_s)


def test_training_time_starts_when_the_first_actor_joins():
    head = Head()
    join(head, "evaluator", role=pb.ROLE_EVALUATOR, now_s=1.0)
    assert head.training_s(5.0) == 0.0
    join(head, "actor-0", now_s=6.0)
    join(head, "actor-1", now_s=8.0)
    assert head.training_s(16.0) == 10.0


def test_the_books_survive_a_restart_of_the_learner():
    head = Head()
    join(head, now_s=100.0)
    evaluation = pb.Evaluation(
        updates=3000, mean_survival=320.0, standard_error=4.0, mean_return=7.0, return_standard_error=2.0
    )
    evaluation.habits["uses/Bed"] = 1.5
    report(head, steps=50, episodes=[(0, 10)], evaluations=[evaluation], now_s=130.0)
    assert (head.evaluations.points[0].mean_return, head.evaluations.points[0].return_standard_error) == (7.0, 2.0)
    assert head.evaluations.points[0].habits == {"uses/Bed": 1.5}
    later = Head.from_state(head.state(now_s=140.0), now_s=1000.0)
    assert later.training_s(1000.0) == 40.0
    assert later.evaluations.points == head.evaluations.points
    report(later, steps=60, episodes=[(0, 10), (1, 30)])  # the same incarnation goes on
    assert (later.environment_steps, later.episodes, later.mean_survival) == (60, 2, 20.0)


def test_dropped_episodes_are_counted_over_all_incarnations_and_survive_a_restart_of_the_learner():
    head = Head()
    join(head)
    report(head, dropped=3)
    report(head, dropped=2)  # an older report, overtaken
    join(head, incarnation="b")
    report(head, incarnation="b", dropped=1)
    assert head.dropped_episodes == 4
    assert Head.from_state(head.state(now_s=1.0), now_s=1.0).dropped_episodes == 4


def test_the_return_is_the_mean_over_the_last_hundred_episodes():
    head = Head()
    join(head)
    assert head.mean_return is None
    report(head, episodes=[(0, 1000), *((number, 10) for number in range(1, 101))])
    assert head.mean_return == -10.0
    assert Head.from_state(head.state(now_s=1.0), now_s=1.0).mean_return == -10.0


def test_an_evaluation_counts_once():
    head = Head()
    join(head, "evaluator", role=pb.ROLE_EVALUATOR)
    evaluation = pb.Evaluation(updates=3000, mean_survival=320.0)
    for _ in range(2):
        report(head, "evaluator", evaluations=[evaluation])
    assert len(head.evaluations.points) == 1


def test_a_change_of_stage_counts_once_though_reports_are_repeated_and_lost():
    head = Head()
    join(head)
    up, again, down = (0, 0, 1), (1, 1, 2), (2, 2, 1)
    assert report_stages(head, [up]) == ([0], 1)
    assert report_stages(head, [up]) == ([], 1)  # the answer was lost
    assert report_stages(head, [up, again, down]) == ([1, 2], 3)
    assert report_stages(head) == ([], 3)
    assert (head.advances, head.retreats) == (2, 1)


def test_the_stages_of_all_actors_are_counted_together():
    head = Head()
    for member in ("actor-0", "actor-1"):
        join(head, member)
    join(head, "evaluator", role=pb.ROLE_EVALUATOR, lanes=0)
    assert head.lanes_at_stage == []
    report_stages(head, lanes_at_stage=[3, 1])
    report_stages(head, lanes_at_stage=[0, 2, 2], member="actor-1")
    assert head.lanes_at_stage == [3, 3, 2]
    report_stages(head, lanes_at_stage=[2, 2])
    assert head.lanes_at_stage == [2, 4, 2]


def test_an_actor_that_comes_back_begins_its_stages_anew_and_its_past_changes_stay_counted():
    head = Head()
    join(head)
    report_stages(head, [(0, 0, 1)], lanes_at_stage=[3, 1])
    join(head, incarnation="b")
    assert head.lanes_at_stage == []
    assert report_stages(head, [(0, 0, 1)], lanes_at_stage=[3, 1], incarnation="b") == ([0], 1)
    assert head.advances == 2


def test_stages_survive_a_restart_of_the_learner():
    head = Head()
    join(head)
    report_stages(head, [(0, 0, 1), (1, 1, 0)], lanes_at_stage=[4, 0])
    later = Head.from_state(head.state(now_s=1.0), now_s=5.0)
    assert report_stages(later, [(1, 1, 0), (2, 0, 1)], lanes_at_stage=[3, 1]) == ([2], 3)
    assert (later.advances, later.retreats, later.lanes_at_stage) == (2, 1, [3, 1])


def test_an_actor_that_leaves_is_not_missed_and_its_place_is_kept():
    head = Head()
    for name in ("actor-0", "actor-1"):
        join(head, name, lanes=4)
        report(head, name, steps=10)
    head.drain("actor-0", 1.0)
    head.drain("actor-0", 1.0)
    assert (head.members["actor-0"].draining, head.members["actor-1"].draining) == (True, False)
    assert head.present_actors(1.0) == ["actor-0", "actor-1"]
    head.leave("actor-0", "a")
    assert head.present_actors(1.0) == ["actor-1"]
    assert (len(head.actors), head.ladder_lanes, head.environment_steps) == (1, 8, 20)
    head.drain("actor-0", 60.0)  # repeated, after a lost answer
    again = Head.from_state(head.state(2.0), 0.0)
    assert again.present_actors(0.0) == []
    assert join(again, "actor-0", incarnation="b") == 0
    assert again.present_actors(0.0) == ["actor-0"]
    assert not again.members["actor-0"].draining


def test_who_is_no_actor_or_is_away_cannot_be_drained():
    head = Head()
    join(head, "evaluator", lanes=0, role=pb.ROLE_EVALUATOR)
    join(head, "actor-0")
    for name in ("evaluator", "actor-7"):
        with pytest.raises(RefusedError, match=rf"drain {name}: expected an actor of this run \(actor-0\)"):
            head.drain(name, 1.0)
    with pytest.raises(RefusedError, match="drain actor-0: expected an actor that is there, found it silent"):
        head.drain("actor-0", 60.0)


def test_who_asks_for_any_place_gets_the_lowest_that_is_free():
    head = Head()
    for name in ("actor-0", "actor-1", "actor-2"):
        join(head, name, incarnation=name)
    assert head.free_name("new", 1.0) == "actor-3"
    assert head.free_name("actor-1", 1.0) == "actor-1"  # a repeated call
    head.leave("actor-1", "actor-1")
    assert head.free_name("new", 1.0) == "actor-1"
    report(head, "actor-2", incarnation="actor-2", now_s=9.0)
    assert head.free_name("new", 10.5) == "actor-0"  # silent
    assert head.free_name("new", 10.5, first=["actor-2", "actor-1"]) == "actor-1"  # whose state waits, if it is free


def test_a_process_whose_name_another_one_has_taken_must_not_come_back_under_it():
    head = Head()
    join(head, incarnation="paused")
    join(head, incarnation="next", now_s=11.0)
    again = pb.JoinRequest(member="actor-0", incarnation="paused", again=True)
    with pytest.raises(FencedError, match=r"^actor-0: another process has joined under this name$"):
        head.check_not_replaced(again)
    head.check_not_replaced(pb.JoinRequest(member="actor-0", incarnation="next", again=True))
    head.check_not_replaced(pb.JoinRequest(member="actor-0", incarnation="third"))  # it has just begun
    # Books of an earlier learner may name one that has died since: whoever lives on is known by its coming back.
    restarted = Head.from_state(head.state(12.0), 0.0)
    restarted.check_not_replaced(again)


def test_the_ladder_ends_with_the_last_actor_that_is_there():
    head = Head()
    for name in ("actor-0", "actor-1", "actor-2"):
        join(head, name, lanes=4)
    assert head.present_ladder_lanes(1.0) == 12
    head.leave("actor-2", "a")
    assert (head.present_ladder_lanes(1.0), head.ladder_lanes) == (8, 12)
    report(head, "actor-0", now_s=9.0)
    assert head.present_ladder_lanes(10.5) == 4
    assert head.present_ladder_lanes(60.0) == 0


def test_an_actor_that_does_not_act_yet_is_there_but_nothing_that_a_version_has_to_hold():
    head = Head()
    for name, starting in (("actor-0", False), ("actor-1", True)):
        request = pb.JoinRequest(member=name, incarnation="a", lanes=4, role=pb.ROLE_ACTOR)
        head.join(request, 0.0, starting=starting)
    assert head.present_actors(1.0) == ["actor-0", "actor-1"]
    assert head.acting(1.0) == ["actor-0"]
    head.report(pb.ReportRequest(member="actor-1", incarnation="a", starting=True), 1.0)
    assert head.acting(1.0) == ["actor-0"]
    head.report(pb.ReportRequest(member="actor-1", incarnation="a"), 2.0)
    assert head.acting(2.0) == ["actor-0", "actor-1"]
