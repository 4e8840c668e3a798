"""The settings of curiosity: a reward for seeing what is new."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from townlet.settings import Count, Fraction, NonNegative, Positive, Settings


class ConstantWeightSettings(Settings):
    """Novelty always counts the same."""

    kind: Literal["constant"] = "constant"
    value: NonNegative = 1.0


class AdaptiveWeightSettings(Settings):
    """Novelty counts less and less once the agent lives long, and evenly so.

    Each finished episode multiplies the weight by `factor`, down to `minimum`, when the last `window_episodes` are
    there and steps survived have a variance below `variance_below` and a mean above `mean_above` of the world's cap.
    """

    kind: Literal["adaptive"] = "adaptive"
    start: Positive = 1.0
    minimum: Annotated[NonNegative, Field(validate_default=True)] = 0.01
    factor: Annotated[float, Field(gt=0.0, le=1.0)] = 0.99
    window_episodes: Count = 100
    variance_below: Positive = 100.0
    mean_above: Fraction = 0.4

    @field_validator("minimum")
    @classmethod
    def _is_not_above_the_start(cls, minimum: float, others: ValidationInfo) -> float:
        start = others.data.get("start", minimum)
        if minimum > start:
            raise ValueError(f"expected at most {start:g} (the start), found {minimum:g}")
        return minimum


WeightSettings = Annotated[AdaptiveWeightSettings | ConstantWeightSettings, Field(discriminator="kind")]


class RndSettings(Settings):
    """Random network distillation (Burda et al. 2018).

    hidden, embedding: layers of the fixed and of the trained network. learning_rate: of the trained one, with Adam.
    observation_clip: to either side, in standard deviations. weight: of one standard deviation of novelty, as reward.
    """

    kind: Literal["rnd"] = "rnd"
    hidden: Annotated[tuple[Count, ...], Field(min_length=1)] = (256, 128)
    embedding: Count = 64
    learning_rate: Positive = 1e-4
    observation_clip: Positive = 5.0
    weight: WeightSettings = AdaptiveWeightSettings()
