"""The `evaluation` section of a configuration, and the goal of a run."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from townlet.settings import Count, Positive, Settings, require

Measure = Literal["survival", "return"]
"""Steps survived, or the sum of an episode's unscaled rewards."""


class GoalSettings(Settings):
    """What the run is for: steps survived, or the sum of an episode's unscaled rewards.

    mean_survival, mean_return: one of the two; reached by the first evaluation that is at least this.
    hold: the next `confirmations` evaluations must be at least this.
    stop: whether the run ends once the goal is reached and confirmed.
    """

    mean_survival: Positive | None = None
    mean_return: float | None = None
    hold: float
    confirmations: Annotated[int, Field(ge=0)] = 3
    stop: bool = True

    @property
    def measure(self) -> Measure:
        """What must be reached."""
        return "survival" if self.mean_return is None else "return"

    @property
    def value(self) -> float:
        """How much of it."""
        value = self.mean_survival if self.mean_return is None else self.mean_return
        assert value is not None
        return value

    @model_validator(mode="after")
    def _has_one_measure(self) -> Self:
        given = [name for name in ("mean_survival", "mean_return") if getattr(self, name) is not None]
        require(
            len(given) == 1, f"expected one of mean_survival and mean_return, found {' and '.join(given) or 'none'}"
        )
        return self


class EvaluationSettings(Settings):
    """Greedy episodes of the averaged network, played beside the training.

    keep: so many of the newest evaluations are in the run's status, result and versions; its curves hold all.
    """

    enabled: bool = True
    episodes: Count = 200
    period_updates: Count = 3_000
    keep: Count = 1_000
    goal: GoalSettings | None = None
