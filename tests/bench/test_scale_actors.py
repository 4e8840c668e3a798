"""The curves of the actors, with few of them."""

from bench import scale_actors
from bench.report import read
from bench.rounds import Options


def test_every_line_has_a_figure_at_every_size(tmp_path):
    chosen = Options()
    chosen.rounds, chosen.seconds, chosen.json, chosen.profile = 1, 0.5, tmp_path / "found.json", False
    scale_actors.measure([1, 2], chosen)
    calls, policy = read(chosen.json)
    assert calls.sizes == policy.sizes == [1, 2]
    assert list(calls.figures) == ["reports", "acknowledgements", "appended episodes"]
    assert list(policy.figures) == ["half have it", "95 % have it"]
    for found in (calls, policy):
        assert all(len(point) == 1 and point[0] > 0 for points in found.figures.values() for point in points)
