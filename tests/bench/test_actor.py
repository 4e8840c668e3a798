"""The actor's benchmark runs, in its smallest form."""

import pytest

from bench import actor
from bench.report import read


@pytest.mark.parametrize("path", actor.LANES, ids=lambda path: path.stem)
def test_an_actor_is_compared_with_its_network(path, chosen, monkeypatch):
    monkeypatch.setattr(actor, "WARM_UP_STEPS", 2)
    actor.measure(path, 4, chosen)
    (found,) = read(chosen.json)
    assert found.title.startswith(path.stem)
    assert all(len(figures) == 3 and min(figures) > 0.0 for figures in found.figures.values())
    assert set(found.ratios) == {"actor / forward pass"}
