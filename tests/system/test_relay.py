"""A run in lockstep behind a relay that is killed on the way is bit for bit the run without one."""

import signal

import pytest
from policy_source import RelayProcess
from run_process import RunProcess
from version_digest import version_digests

from townlet.checkpoint.store import VersionStore
from townlet.config_file import load_config
from townlet.launch.places import free_port

SETTINGS = (
    *("three_meter.yaml", "schedule.kind=lockstep", "actor.count=2", "actor.lanes=8", "evaluation.enabled=false"),
    *("evaluation.goal=null", "replay.addresses=['127.0.0.1:0']", "replay.capacity=12000", "network.hidden=[16]"),
    *("replay.min_size_to_sample=100", "learner.batch_size=16", "schedule.updates_per_round=2"),
    *("learner.max_updates=60", "checkpoint.period_s=null"),
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def result(run: RunProcess) -> tuple[str, dict[str, str]]:
    """Diary and last version of a run that comes to its end."""
    assert run.wait(200) == 0, run.output
    store = VersionStore(run.folder.versions)
    return run.folder.diary.read_text(), version_digests(store, store.newest())


def test_a_run_in_lockstep_does_not_notice_a_relay(short_folder):
    port = free_port()
    with RunProcess(short_folder / "a", *SETTINGS) as without:
        expected = result(without)
    with RunProcess(short_folder / "b", *SETTINGS, f"actor.policies_from=127.0.0.1:{port}") as run:
        run.wait_for("configuration", run.folder.config.exists)
        learner = load_config(run.folder.config).learner.address
        with RelayProcess(short_folder, port, learner, run="r") as relay:
            run.wait_for("ten rounds", lambda: diary_lines(run) >= 10)
            relay.stop(signal.SIGKILL)
            with relay:
                assert result(run) == expected


def diary_lines(run: RunProcess) -> int:
    return len(run.folder.diary.read_text().splitlines()) if run.folder.diary.exists() else 0
