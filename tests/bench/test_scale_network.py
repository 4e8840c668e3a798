"""The curve of the networks, with two small ones."""

from bench import scale_network
from bench.report import read
from bench.rounds import Options


def test_every_line_has_a_figure_at_every_size(tmp_path):
    chosen = Options()
    chosen.rounds, chosen.seconds, chosen.json, chosen.profile = 1, 0.05, tmp_path / "found.json", False
    scale_network.measure([20_000, 40_000], chosen)
    (found,) = read(chosen.json)
    assert found.sizes == [20_000, 40_000]
    assert list(found.figures) == ["published and applied", "of that, applied", "plain sockets"]
    assert all(len(point) == 1 and point[0] > 0 for points in found.figures.values() for point in points)
