"""The curve of the records, with two small tables."""

from bench import scale_replay
from bench.report import read
from bench.rounds import Options


def test_every_line_has_a_figure_at_every_size(tmp_path):
    chosen = Options()
    chosen.rounds, chosen.seconds, chosen.json, chosen.profile = 1, 0.05, tmp_path / "found.json", False
    scale_replay.measure([2_000, 4_000], chosen)
    (found,) = read(chosen.json)
    assert (found.sizes, len(found.figures)) == ([2_000, 4_000], 4)
    assert all(len(point) == 1 and point[0] > 0 for points in found.figures.values() for point in points)
