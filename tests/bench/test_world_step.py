"""The world's benchmark runs, in its smallest form."""

from bench.report import read
from bench.world_step import OBSERVATIONS, measure


def test_each_kind_of_view_is_compared_with_the_plain_world_and_with_a_copy(chosen):
    measure(8, chosen)
    (found,) = read(chosen.json)
    assert {"classic", "typed", "classic, plain NumPy", "typed, plain NumPy"} < set(found.figures)
    assert all(len(figures) == 3 and min(figures) > 0.0 for figures in found.figures.values())
    others = ("{} / plain", "{} / memcpy", "{}, by tensors / plain")
    assert set(found.ratios) == {other.format(kind) for kind in OBSERVATIONS for other in others}
