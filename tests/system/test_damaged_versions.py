"""`townlet up` on versions that are damaged: it ends at once with one sentence, or passes them over when told to."""

import shutil
from pathlib import Path

import pytest
from complete_run import complete_run, copy_of, flip
from run_process import RunProcess

from townlet.checkpoint.manifest import folder_of
from townlet.checkpoint.store import VersionStore

pytestmark = pytest.mark.timeout(180)


CHANGED = (
    *("checkpoint.keep={last: 50}", "learner.learning_rate=0.001", "learner.batch_size=4", "exploration.base=0.3"),
    *(
        "learner.target={kind: copy, period_updates: 10}",
        "curriculum.retreat_survival=0.1",
        "actor.report_period_s=0.2",
    ),
    *("curiosity.weight.factor=0.9", "replay.durability=memory", "replay.samples_per_insert_tolerance=100000.0"),
)
"""What may change when a run goes on."""


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def events(run: RunProcess, member: str, event: str) -> list[dict]:
    return [entry for entry in run.log(member) if entry["event"] == event]


@pytest.mark.parametrize("name", ["learner.safetensors", "actor-1.json"])
def test_a_damaged_version_ends_the_run_at_once_with_its_sentence_and_changes_nothing(finished_run, short_folder, name):
    versions = copy_of(finished_run, short_folder) / "versions"
    newest = VersionStore(versions).newest()
    flip(versions / folder_of(newest) / name)
    before = contents(versions)
    with complete_run(short_folder) as run:
        starts = len(events(run, "learner", "started"))
        assert run.wait(60) == 1, run.output
        assert len(events(run, "learner", "started")) == starts + 1
    told = run.output.splitlines()[-1]
    assert told.startswith(f"townlet: learner ended (exit code 2): {versions}/{folder_of(newest)}/{name}: expected ")
    assert ", found " in told
    assert "; put the file back as it was, or start with --fallback, which goes on from" in told
    assert "Traceback" not in run.output
    assert contents(versions) == before
    for member in ("learner", "actor-0", "actor-1", "replay-0", "replay-1"):
        assert not events(run, member, "resumed") + events(run, member, "taken_up")


def test_fallback_goes_on_from_the_newest_whole_version_everywhere_and_says_what_it_passed_over(
    finished_run, short_folder
):
    versions = copy_of(finished_run, short_folder) / "versions"
    store = VersionStore(versions)
    good, segment, manifest = (listed.version for listed in store.versions()[-3:])
    (altered, *_) = {record.path for record in store.manifest(segment).files if record.is_segment} - {
        record.path for record in store.manifest(good).files
    }
    flip(versions / altered)
    flip(versions / folder_of(manifest) / "manifest.json")
    shutil.rmtree(short_folder / "r" / "redis")  # so that shards have to go back, too
    updates = store.manifest(good).counters["updates"]
    with complete_run(short_folder, *CHANGED, options=("--fallback",)) as run:
        run.wait_for("training", lambda: (status := run.status()) and status.updates > updates + 20)
        run.wait_for("another version", lambda: store.newest() > manifest)
        for version, name in ((manifest, f"{folder_of(manifest)}/manifest.json"), (segment, altered)):
            assert f"version {version} is damaged, and passed over: {versions}/{name}: expected " in run.output
        assert f"the run goes on from version {good}, after {updates} updates" in run.output
        assert "learner.learning_rate is 0.001 from here on; it was 0.0003" in run.output
        for member in ("actor-0", "actor-1", "replay-0", "replay-1"):
            run.wait_for(f"{member} as it was", lambda member=member: events(run, member, "taken_up"))
            assert events(run, member, "taken_up")[-1]["version"] == good
    assert {segment, manifest} < {listed.version for listed in store.versions()}
    made = store.verify(store.newest())
    assert made.config["learner"]["learning_rate"] == 0.001
