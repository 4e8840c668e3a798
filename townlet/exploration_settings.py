"""How lanes explore, as configuration."""

from typing import Annotated, Literal

from pydantic import Field

from townlet.settings import Fraction, NonNegative, Settings


class LadderSettings(Settings):
    """One fixed epsilon a lane: base ** (1 + exponent * i / (N - 1)) for lane i of all N lanes of all actors."""

    kind: Literal["ladder"] = "ladder"
    base: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.4
    exponent: NonNegative = 7.0


class DecaySettings(Settings):
    """One epsilon for all lanes, multiplied by `factor` at each finished episode of the run."""

    kind: Literal["decay"] = "decay"
    start: Fraction = 1.0
    minimum: Fraction = 0.01
    factor: Annotated[float, Field(gt=0.0, le=1.0)] = 0.995
