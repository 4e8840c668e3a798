"""Whatever a member tells, the books can keep and show it; what they could not is refused."""

import pytest

from learner.bounds import MOST_COUNTED, MOST_LANES, MOST_STAGES, check_join, check_report
from learner.head import Head
from protos import admin_pb2, control_pb2
from townlet.errors import InvalidRequestError, RefusedError

NAN, INFINITE = float("nan"), float("inf")


def join(**changes) -> control_pb2.JoinRequest:
    good = {"member": "actor-0", "incarnation": "a", "role": control_pb2.ROLE_ACTOR, "lanes": 4}
    return control_pb2.JoinRequest(**{**good, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"member": "", "role": control_pb2.ROLE_EVALUATOR},
        {"member": "x" * 65},
        {"member": "../actor"},
        {"member": "actor 0"},
        {"incarnation": ""},
        {"incarnation": "x" * 5_000},
        {"role": control_pb2.ROLE_UNSPECIFIED},
        {"role": 99},
    ],
)
def test_a_member_has_a_name_an_incarnation_and_a_role(changes):
    check_join(join(), 0)
    with pytest.raises(InvalidRequestError, match="Join"):
        check_join(join(**changes), 0)


def test_all_lanes_have_a_place():
    check_join(join(), MOST_LANES - 4)
    with pytest.raises(RefusedError, match="lanes"):
        check_join(join(), MOST_LANES - 3)


@pytest.mark.parametrize(
    "changes",
    [
        {"environment_steps": MOST_COUNTED + 1},
        {"dropped_episodes": 2**64 - 1},
        {"lanes_at_stage": [1] * (MOST_STAGES + 1)},
        {"episodes": [control_pb2.EpisodeSummary(number=2**64 - 1)]},
        {"episodes": [control_pb2.EpisodeSummary(), control_pb2.EpisodeSummary(extrinsic_return=NAN)]},
        {"stage_changes": [control_pb2.StageChange(number=2**64 - 1)]},
        {"stage_changes": [control_pb2.StageChange(to_stage=2**32 - 1)]},
        {"stage_changes": [control_pb2.StageChange(reason="x" * 5_000)]},
        {"stage_changes": [control_pb2.StageChange(figures={"survival": INFINITE})]},
        {"evaluations": [control_pb2.Evaluation(updates=2**64 - 1)]},
        {"evaluations": [control_pb2.Evaluation(mean_survival=NAN)]},
        {"evaluations": [control_pb2.Evaluation(return_standard_error=-INFINITE)]},
        {"evaluations": [control_pb2.Evaluation(habits={str(number): 1.0 for number in range(1_000)})]},
        {"evaluations": [control_pb2.Evaluation(habits={"x" * 5_000: 1.0})]},
    ],
)
def test_what_the_books_cannot_keep_is_refused(changes):
    with pytest.raises(InvalidRequestError, match="expected"):
        check_report(control_pb2.ReportRequest(**changes))


def test_the_most_that_is_taken_can_be_told():
    head = Head()
    for number in range(1_000):
        head.join(join(member=f"actor-{number}"), 0.0)
        report = control_pb2.ReportRequest(
            member=f"actor-{number}", incarnation="a", environment_steps=MOST_COUNTED, dropped_episodes=MOST_COUNTED
        )
        check_report(report)
        head.report(report, 0.0)
    told = admin_pb2.StatusResponse(environment_steps=head.environment_steps, dropped_episodes=head.dropped_episodes)
    assert told.environment_steps == 1_000 * MOST_COUNTED
