"""Whether the run has reached what it is for."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from townlet.evaluation_settings import EvaluationSettings, GoalSettings, Measure

KEEP = EvaluationSettings().keep


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
    confirmed: enough of them held; it stays so, whatever comes.
    """

    reached_s: float | None = None
    confirmations: int = 0
    lost: bool = False
    confirmed: bool = False

    def after(self, goal: GoalSettings, point: EvaluationPoint) -> "GoalState":
        """One evaluation later."""
        value = point.of(goal.measure)
        if self.confirmed:
            return self
        if self.reached_s is None:
            reached = value >= goal.value
            return GoalState(point.training_s if reached else None, 0, self.lost, reached and goal.confirmations == 0)
        if value < goal.hold:
            return GoalState(lost=True)
        held = self.confirmations + 1
        return GoalState(self.reached_s, held, self.lost, held >= goal.confirmations)


class Evaluations:
    """The newest evaluations, oldest first, and what all of them say of the goal.

    goal: None without one. points: those to begin with. judged: of those before them. keep: so many are held.
    """

    def __init__(
        self,
        goal: GoalSettings | None = None,
        points: Iterable[EvaluationPoint] = (),
        judged: GoalState | None = None,
        keep: int = KEEP,
    ) -> None:
        self.goal = goal
        self._keep = keep
        self.points: deque[EvaluationPoint] = deque()
        self._let_go = self._state = judged or GoalState()
        for point in points:
            self._hold(point)

    def add(self, point: EvaluationPoint) -> None:
        """One more, unless it is of no later update than the last."""
        if not self.points or point.updates > self.points[-1].updates:
            self._hold(point)

    def newest(self, count: int) -> list[EvaluationPoint]:
        """So many at most, oldest first."""
        return list(self.points)[-count:]

    @property
    def last(self) -> EvaluationPoint | None:
        """The newest one, if there is any."""
        return self.points[-1] if self.points else None

    def since(self, updates: int) -> list[EvaluationPoint]:
        """Those of later updates, oldest first."""
        return [point for point in self.points if point.updates > updates]

    @property
    def end_the_run(self) -> bool:
        """Whether the goal is confirmed, and all that the run is for."""
        return self.goal is not None and self.goal.stop and self._state.confirmed

    @property
    def goal_state(self) -> GoalState | None:
        """How far the run is; None without a goal."""
        return self._state if self.goal else None

    def state(self) -> dict[str, Any]:
        """All of it, as plain values."""
        goal = self.goal.model_dump() if self.goal else None
        return {
            "evaluations": [vars(point) for point in self.points],
            "judged": {"goal": goal, "before": vars(self._let_go)},
        }

    @classmethod
    def from_state(cls, goal: GoalSettings | None, saved: dict[str, Any], keep: int = KEEP) -> "Evaluations":
        """Those whose `state` this was. A goal that has changed is judged by those that were held."""
        points = [EvaluationPoint(**point) for point in saved["evaluations"]]
        judged = saved.get("judged")
        if goal is None or judged is None or judged["goal"] != goal.model_dump():
            return cls(goal, points, keep=keep)
        return cls(goal, points, GoalState(**judged["before"]), keep)

    def _hold(self, point: EvaluationPoint) -> None:
        self.points.append(point)
        oldest = self.points.popleft() if len(self.points) > self._keep else None
        if self.goal is not None:
            self._state = self._state.after(self.goal, point)
            self._let_go = self._let_go.after(self.goal, oldest) if oldest else self._let_go
