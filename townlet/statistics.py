"""How sure a mean is."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev

NORMAL_95 = 1.96
"""Standard errors to either side of a mean that hold the true one 95 times in 100."""


@dataclass(frozen=True)
class Mean:
    """A mean and its standard error, which is 0 for a single value."""

    value: float
    standard_error: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Mean":
        """Of at least one value."""
        error = stdev(values) / sqrt(len(values)) if len(values) > 1 else 0.0
        return cls(fmean(values), error)

    @property
    def margin(self) -> float:
        """Half the width of the 95 % confidence interval."""
        return NORMAL_95 * self.standard_error

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval."""
        return self.value - self.margin, self.value + self.margin
