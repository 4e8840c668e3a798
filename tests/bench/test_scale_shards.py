"""The curve of the shards, with real ones that hold little."""

from dataclasses import replace

from bench import scale_shards
from bench.report import read
from bench.rounds import Options


def test_every_line_has_a_figure_at_every_size(tmp_path):
    chosen = Options()
    chosen.rounds, chosen.seconds, chosen.json, chosen.profile = 1, 0.05, tmp_path / "found.json", False
    scale_shards.measure([1, 2], replace(scale_shards.WORK, capacity=5_000), chosen)
    (found,) = read(chosen.json)
    assert (found.sizes, list(found.figures)) == ([1, 2], ["steps appended", "transitions sampled"])
    assert all(len(point) == 1 and point[0] > 0 for points in found.figures.values() for point in points)
