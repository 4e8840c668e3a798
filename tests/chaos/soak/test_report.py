"""Whatever grows is found, and only that."""

import pytest

from chaos.soak.gauges import Gauges
from chaos.soak.report import MIB, Track, findings

LOOKS = 800


def tracked(memory_bytes=lambda at: 0, files=lambda at: 20 + at % 3, threads=lambda at: 8) -> Track:
    """An hour of looks."""
    track = Track()
    for at in range(LOOKS):
        noise = (at * 7919 % 101) * 1_000
        track.add(4.5 * at, Gauges(100 * MIB + noise + memory_bytes(at), files(at), threads(at)))
    return track


def test_a_service_that_only_breathes_does_not_grow():
    (finding,) = findings({"learner": tracked()})
    assert not finding.grows
    assert finding.open_files == (20, 22)


@pytest.mark.parametrize(
    "what",
    [
        {"memory_bytes": lambda at: 1_000 * at},
        {"files": lambda at: 20 + at % 3 + at // 300},
        {"threads": lambda at: 8 + at // 500},
    ],
)
def test_memory_files_and_threads_may_not_grow(what):
    (finding,) = findings({"learner": tracked(**what)})
    assert finding.grows


def test_who_was_hardly_looked_at_is_not_judged():
    track = Track()
    track.add(0.0, Gauges(1, 1, 1))
    assert findings({"learner": track}) == []
