"""What members may tell the learner: whatever is counted or kept has bounds, so that no report can break the books."""

from collections.abc import Iterable, Mapping
from math import isfinite

from protos import control_pb2
from townlet.errors import InvalidRequestError, RefusedError
from townlet.member_name import check_member_name

MOST_COUNTED = 2**48
"""Steps, episodes and updates of one member; the sum over all members still fits in 64 bits."""
MOST_LANES = 2**31 - 1
"""Of all actors together: their places are 32 bits wide."""
MOST_STAGES = 1_000
MOST_FIGURES = 256
LONGEST_WORDS = 1_000


def check_join(request: control_pb2.JoinRequest, lanes_of_others: int) -> None:
    """Raises InvalidRequestError, and RefusedError where there is no room for more lanes.

    An actor without a name takes any place that is free.
    """
    if request.role not in (control_pb2.ROLE_ACTOR, control_pb2.ROLE_EVALUATOR):
        raise InvalidRequestError(f"Join: expected the role of an actor or an evaluator, found {request.role}")
    if request.member:
        check_member_name("Join: member", request.member)
    elif request.role != control_pb2.ROLE_ACTOR:
        raise InvalidRequestError("Join: expected a member, found none; only an actor is given a name")
    check_member_name("Join: incarnation", request.incarnation)
    if lanes_of_others + request.lanes > MOST_LANES:
        raise RefusedError(
            f"Join: expected at most {MOST_LANES} lanes over all actors, found {request.lanes} more than the "
            f"{lanes_of_others} there are"
        )


def check_report(report: control_pb2.ReportRequest) -> None:
    """Raises InvalidRequestError."""
    _check_counts("Report", report.environment_steps, report.dropped_episodes)
    _check_counts("Report: lanes_at_stage", len(report.lanes_at_stage), most=MOST_STAGES)
    for episode in report.episodes:
        _check_counts("Report: number of an episode", episode.number)
        _check_finite("Report: return of an episode", [episode.extrinsic_return])
    for change in report.stage_changes:
        _check_counts("Report: number of a change of stage", change.number)
        _check_counts("Report: stage", change.from_stage, change.to_stage, most=MOST_STAGES)
        _check_counts("Report: letters of a reason", len(change.reason), most=LONGEST_WORDS)
        _check_figures("Report: figures of a change of stage", change.figures)
    for evaluation in report.evaluations:
        _check_counts("Report: updates of an evaluation", evaluation.updates)
        means = (evaluation.mean_survival, evaluation.mean_return)
        _check_finite("Report: evaluation", (*means, evaluation.standard_error, evaluation.return_standard_error))
        _check_figures("Report: habits of an evaluation", evaluation.habits)


def _check_counts(what: str, *counts: int, most: int = MOST_COUNTED) -> None:
    if max(counts) > most:
        raise InvalidRequestError(f"{what}: expected at most {most}, found {max(counts)}")


def _check_finite(what: str, values: Iterable[float]) -> None:
    if other := [value for value in values if not isfinite(value)]:
        raise InvalidRequestError(f"{what}: expected finite numbers, found {other[0]}")


def _check_figures(what: str, figures: Mapping[str, float]) -> None:
    _check_counts(what, len(figures), most=MOST_FIGURES)
    _check_counts(f"{what}: letters of a name", *map(len, figures), 0, most=LONGEST_WORDS)
    _check_finite(what, figures.values())
