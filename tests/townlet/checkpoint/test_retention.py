"""What retention keeps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from small_versions import make_manifest

from townlet.checkpoint.manifest import FileRecord
from townlet.checkpoint.retention import Retention, expendable


def manifests(survival: dict[int, float | None]):
    return [
        make_manifest(
            version,
            (FileRecord(path=f"{version:06d}/learner.json", size=1, sha256="0" * 64, component="learner"),),
            members=("learner",),
            metrics={} if value is None else {"survival": value},
        )
        for version, value in survival.items()
    ]


def test_the_last_the_best_and_the_pinned_stay():
    survival = {1: 5.0, 2: 9.0, 3: 1.0, 4: None, 5: 2.0, 6: 3.0}
    retention = Retention(last=2, best=1, best_by="survival")
    assert expendable(manifests(survival), {3}, retention) == (1, 4)


def test_the_lowest_may_be_the_best():
    retention = Retention(last=1, best=1, best_by="survival", best_is="lowest")
    assert expendable(manifests({1: 5.0, 2: 1.0, 3: 9.0}), (), retention) == (1,)


def test_of_equals_the_newer_stays():
    retention = Retention(last=1, best=1, best_by="survival")
    assert expendable(manifests({1: 5.0, 2: 5.0, 3: 1.0}), (), retention) == (1,)


def test_the_best_needs_a_metric():
    with pytest.raises(ValidationError, match="expected a metric"):
        Retention(best=1)


scores = st.one_of(st.none(), st.integers(0, 3).map(float))


@given(
    st.dictionaries(st.integers(1, 20), scores, max_size=8), st.sets(st.integers(1, 20)), st.integers(1, 5), st.data()
)
def test_it_is_what_a_reader_would_pick(survival, pinned, last, data):
    best = data.draw(st.integers(0, 4))
    kept = pinned | set(sorted(survival)[-last:])
    scored = [version for version in survival if survival[version] is not None]
    kept |= {
        version
        for version in scored
        if sum((survival[other], other) > (survival[version], version) for other in scored) < best
    }
    retention = Retention(last=last, best=best, best_by="survival")
    assert expendable(manifests(survival), pinned, retention) == tuple(sorted(survival.keys() - kept))
