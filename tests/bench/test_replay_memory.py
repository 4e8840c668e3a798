"""What a shard takes is told apart: its records, an empty shard, and what is above both."""

from dataclasses import replace

import pytest

from bench.replay_memory import KINDS, measure
from bench.report import read
from bench.rounds import Options


def test_the_memory_of_a_shard_is_the_sum_of_what_is_told_of_it(tmp_path):
    kind = "prioritized transitions, episodes of 50"
    chosen = Options()
    chosen.rounds, chosen.seconds, chosen.json, chosen.profile = 1, 0.05, tmp_path / "found.json", False
    measure(kind, replace(KINDS[kind], capacity=3_000), chosen)
    (found,) = read(chosen.json)
    resident, empty, arena, above, above_both = (values[0] for values in found.figures.values())
    assert set(found.units.values()) == {"MiB"}
    assert arena == pytest.approx(3_000 * 215 / 2**20)
    assert resident == pytest.approx(arena + above) == pytest.approx(arena + empty + above_both)
    assert [len(values) for values in found.ratios.values()] == [1, 1]
