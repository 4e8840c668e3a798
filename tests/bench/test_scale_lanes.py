"""The curve of the lanes, with two small worlds."""

from bench import scale_lanes
from bench.report import read
from bench.rounds import Options


def test_every_line_has_a_figure_at_every_size(tmp_path):
    chosen = Options()
    chosen.rounds, chosen.seconds, chosen.json, chosen.profile = 1, 0.05, tmp_path / "found.json", False
    scale_lanes.measure([1, 4], chosen)
    (found,) = read(chosen.json)
    assert (found.sizes, list(found.figures)) == ([1, 4], ["step", "copy of the state"])
    assert all(len(point) == 1 and point[0] > 0 for points in found.figures.values() for point in points)
