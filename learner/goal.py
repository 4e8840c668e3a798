"""Whether the run has reached what it is for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from townlet.evaluation_settings import GoalSettings, Measure


@dataclass(frozen=True)
class EvaluationPoint:
    """One evaluation.

    training_s: seconds since the first environment step. mean_survival, standard_error: steps.
    mean_return, return_standard_error: sums of an episode's unscaled rewards. habits: what the agent did, by name.
    """

    updates: int
    training_s: float
    mean_survival: float
    standard_error: float
    mean_return: float
    return_standard_error: float
    habits: Mapping[str, float] = field(default_factory=dict)

    def of(self, measure: Measure) -> float:
        """What was measured."""
        return self.mean_survival if measure == "survival" else self.mean_return


@dataclass(frozen=True)
class GoalState:
    """How far the run is.

    reached_s: training_s of the first evaluation that reached the goal and has held since; None until then.
    confirmations: evaluations after that one which held.
    lost: an evaluation that should have held once fell below.
    """

    reached_s: float | None
    confirmations: int
    lost: bool
    confirmed: bool


def judge(goal: GoalSettings, evaluations: Sequence[EvaluationPoint]) -> GoalState:
    """Reads the evaluations, oldest first. What is confirmed stays confirmed."""
    reached_s, confirmations, lost = None, 0, False
    for point in evaluations:
        value = point.of(goal.measure)
        if reached_s is None:
            reached_s = point.training_s if value >= goal.value else None
        elif confirmations >= goal.confirmations:
            break
        elif value >= goal.hold:
            confirmations += 1
        else:
            reached_s, confirmations, lost = None, 0, True
    return GoalState(reached_s, confirmations, lost, reached_s is not None and confirmations >= goal.confirmations)
