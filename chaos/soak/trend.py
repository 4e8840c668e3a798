"""Whether something grows: a least-squares slope, and how sure it is where one look resembles the one before. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

BLOCKS = 8
STUDENT_T = 3.707
"""Holds 99 of 100 values of Student's t with BLOCKS - 2 degrees of freedom: half a dozen services are asked at once."""
SECONDS_PER_HOUR = 3_600.0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Trend:
    """What is gained an hour, and its 99 % confidence interval."""

    per_hour: float
    low: float
    high: float

    @property
    def grows(self) -> bool:
        """Whether the slope is distinguishable from zero, upward."""
        return self.low > 0.0


def trend(at_s: Sequence[float], values: Sequence[float]) -> Trend:
    """The trend of values that were looked at in even steps of time.

    Looks that follow each other are alike, so that each of them says little: the line is fitted to the means of BLOCKS
    long blocks, which are alike no more, and the interval is Student's for so few (the method of batch means).
    Raises ValueError for fewer looks than blocks.
    """
    if len(values) < BLOCKS:
        raise ValueError(f"expected at least {BLOCKS} looks, found {len(values)}")
    hours, means = (_block_means(np.asarray(each, np.float64)) for each in (at_s, values))
    hours = hours / SECONDS_PER_HOUR - hours.mean() / SECONDS_PER_HOUR
    slope = float(hours @ means / (hours @ hours))
    residuals = means - means.mean() - slope * hours
    error = sqrt(float(residuals @ residuals) / (BLOCKS - 2) / float(hours @ hours))
    return Trend(slope, slope - STUDENT_T * error, slope + STUDENT_T * error)


def floor_rise(values: Sequence[int]) -> int:
    """By how much the least of the last quarter is above the least of the first: what comes and goes does not count."""
    quarter = max(1, len(values) // 4)
    return min(values[-quarter:]) - min(values[:quarter])


def _block_means(values: Floats) -> Floats:
    return np.array([block.mean() for block in np.array_split(values, BLOCKS)])
