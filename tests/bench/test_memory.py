"""Both agents of each seed, and the one with its memory cut, play the same towns."""

import json

import pytest
from tiny_benchmark import exit_status


@pytest.mark.slow
def test_each_seed_has_its_pair(tmp_path):
    found, plot, output = tmp_path / "found.json", tmp_path / "curves.svg", tmp_path / "output"
    sizes = ("--updates", "40", "--episodes", "10", "--seeds", "1", "--runs", str(tmp_path))
    options = (*sizes, "--json", str(found), "--plot", str(plot))
    assert exit_status("memory", options, output) == 0, output.read_text()
    (pair,) = json.loads(found.read_text())
    assert pair["seed"] == 1
    assert min(pair["memory"], pair["cut"], pair["none"]) > 0.0
    assert "</svg>" in plot.read_text()
