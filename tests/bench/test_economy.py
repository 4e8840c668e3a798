"""Both runs of the economy are told point by point, and drawn."""

import json

import pytest
from tiny_benchmark import exit_status

from bench.economy import FIGURES, MASKS

TINY = (
    *("world.step_cap=30", "actor.lanes=4", "replay.capacity=2000", "replay.min_size_to_sample=100"),
    *("learner.batch_size=16", "learner.batches_per_request=1", "learner.publish_period_updates=5"),
    *("evaluation.episodes=3", "evaluation.period_updates=5"),
    "evaluation.goal={mean_survival: 1, hold: 1, confirmations: 1}",
)
"""A run ends with its first evaluations, which always reach the goal."""


@pytest.mark.slow
def test_each_mask_has_its_curve(tmp_path):
    found, plot, output = tmp_path / "found.json", tmp_path / "curves.svg", tmp_path / "output"
    options = ("--updates", "5000", "--json", str(found), "--plot", str(plot), *TINY)
    assert exit_status("economy", options, output) == 0, output.read_text()
    curves = json.loads(found.read_text())
    assert list(curves) == list(MASKS)
    for curve in curves.values():
        assert curve
        assert all(set(point) == {"updates", *FIGURES} for point in curve)
    assert "</svg>" in plot.read_text()
