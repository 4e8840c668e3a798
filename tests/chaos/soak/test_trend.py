"""A leak is found, and what only comes and goes is not taken for one."""

import numpy as np
import pytest

from chaos.soak.trend import BLOCKS, floor_rise, trend

AT_S = np.arange(0.0, 5_400.0, 5.0)
"""An hour and a half of looks."""


def drifting(random: np.random.Generator, minutes: float) -> np.ndarray:
    """Noise that forgets within so many minutes, of variance 1."""
    keep = np.exp(-5.0 / (60.0 * minutes))
    values, now = np.empty(len(AT_S)), random.normal()
    for at in range(len(AT_S)):
        now = keep * now + np.sqrt(1.0 - keep**2) * random.normal()
        values[at] = now
    return values


@pytest.mark.parametrize("minutes", [0.1, 1.0, 3.0])
def test_noise_that_resembles_itself_for_minutes_hardly_ever_grows(minutes):
    random = np.random.default_rng(1)
    accused = sum(trend(AT_S, drifting(random, minutes)).grows for _ in range(200))
    assert accused <= 6  # 1 expected; with looks taken for independent ones it would be about 80


@pytest.mark.parametrize("minutes", [0.1, 1.0, 3.0])
def test_a_leak_is_found_in_such_noise(minutes):
    random = np.random.default_rng(2)
    found = [trend(AT_S, drifting(random, minutes) + 4.0 * AT_S / 3_600.0) for _ in range(50)]
    assert sum(each.grows for each in found) >= 48
    assert np.mean([each.per_hour for each in found]) == pytest.approx(4.0, abs=0.3)
    assert sum(each.low <= 4.0 <= each.high for each in found) >= 46


def test_the_line_is_that_of_least_squares():
    values = [3.0 * at_s / 3_600.0 + 7.0 for at_s in AT_S]
    found = trend(AT_S, values)
    assert (found.per_hour, found.low, found.high) == pytest.approx((3.0, 3.0, 3.0))


def test_what_shrinks_or_stands_still_does_not_grow():
    assert not trend(AT_S, -AT_S).grows
    assert not trend(AT_S, np.full(len(AT_S), 5.0)).grows


def test_too_few_looks_say_nothing():
    with pytest.raises(ValueError, match=f"at least {BLOCKS} looks, found 3"):
        trend([0.0, 1.0, 2.0], [1.0, 1.0, 1.0])


@pytest.mark.parametrize(
    ("values", "rise"),
    [
        ([10, 12, 11, 10, 14, 10, 13, 10], 0),
        ([10, 12, 11, 11, 14, 11, 13, 11], 1),
        ([10, 10, 11, 12, 13, 14, 15, 16], 5),
        ([16, 10, 12, 9, 9, 9, 9, 8], -2),
    ],
)
def test_only_what_stays_raises_the_floor(values, rise):
    assert floor_rise(values) == rise
