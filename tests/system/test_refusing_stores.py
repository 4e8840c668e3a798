"""A store that refuses while a run trains: the version fails, is reported, leaves nothing; training goes on."""

import os
import secrets
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from gate import Gate
from run_process import RunProcess

from townlet.checkpoint.store import VersionStore

QUICK = ("evaluation.enabled=false", "evaluation.goal=null", "learner.save_period_s=1", "checkpoint.period_s=1")


@pytest.fixture
def start(short_folder):
    runs = []

    def start(*overrides: str) -> RunProcess:
        run = RunProcess(short_folder, "L0_minimal.yaml", *QUICK, *overrides)
        runs.append(run)
        return run.start()

    yield start
    for run in runs:
        run.__exit__()


@pytest.fixture
def small_disk():
    """A file system of 64 MB."""
    with tempfile.TemporaryDirectory(prefix="townlet-", dir="/tmp") as folder:
        mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder]
        if subprocess.run(mount, check=False, capture_output=True).returncode:
            pytest.skip("mounting a small file system needs root")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def s3_gate(monkeypatch):
    """A way to a server that speaks S3, which the environment says is ours, as a user's does."""
    pytest.importorskip("s3fs", reason="needs townlet[s3]")
    server_module = pytest.importorskip("moto.server", reason="needs moto[server], of townlet[dev]")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    gate = Gate(*server.get_host_and_port())
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{gate.address}")
    for name, value in (("ACCESS_KEY_ID", "test"), ("SECRET_ACCESS_KEY", "test"), ("MAX_ATTEMPTS", "1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    yield gate
    gate.shut()
    server.stop()


def events(run: RunProcess, event: str) -> list[dict]:
    return [entry for entry in run.log("learner") if entry["event"] == event]


def goes_on_without_versions(run: RunProcess, reason: str) -> None:
    """One more is given up, for this reason, and there are more updates after it."""
    before = len(events(run, "version_given_up"))
    run.wait_for("a version that is given up", lambda: len(events(run, "version_given_up")) > before + 1)
    assert reason in events(run, "version_given_up")[-1]["reason"]
    updates = run.account().updates
    run.wait_for("training that goes on", lambda: run.account().updates > updates + 50)


def fill(path: Path) -> None:
    """Write a file until there is no room left."""
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def makes_another(run: RunProcess, store: VersionStore) -> int:
    """A version that is made from now on, and whole."""
    before = store.newest() or 0
    run.wait_for("another version", lambda: (store.newest() or 0) > before)
    return store.verify(store.newest()).version


@pytest.mark.timeout(180)
def test_a_full_disk_and_a_read_only_one_make_versions_fail_and_nothing_else(start, small_disk):
    store = VersionStore(small_disk / "versions")
    run = start(f"checkpoint.root={small_disk / 'versions'}", "checkpoint.keep={last: 10}", "replay.capacity=4000")
    makes_another(run, store)
    filler = small_disk / "filler"
    fill(filler)
    goes_on_without_versions(run, "cannot be written: No space left on device")
    filler.unlink()
    made = makes_another(run, store)
    given_up = {event["version"] for event in events(run, "version_given_up")}
    assert not given_up & {int(folder.name) for folder in (small_disk / "versions").glob("0*")}
    run.wait_for("a moment in which no file is being written", lambda: remounted(small_disk, "ro"))
    goes_on_without_versions(run, "cannot be written: Read-only file system")
    store.verify(store.newest())
    assert remounted(small_disk, "rw")
    assert makes_another(run, store) > made
    run.process.terminate()
    assert run.wait(60) == 0, run.output


def remounted(disk: Path, how: str) -> bool:
    return subprocess.run(["mount", "-o", f"remount,{how}", disk], check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_keeps_its_versions_in_an_object_store_that_may_go_away(start, s3_gate, monkeypatch):
    import s3fs

    bucket = f"townlet-{secrets.token_hex(4)}"
    s3fs.S3FileSystem(skip_instance_cache=True).mkdir(bucket)
    store, root = VersionStore(f"s3://{bucket}/runs/r"), f"checkpoint.root=s3://{bucket}/runs/r"
    run = start(root)
    first = makes_another(run, store)
    for pid in (pid for module in ("actor", "learner", "replay_service", "redis") for pid in run.pids(module)):
        os.kill(pid, signal.SIGKILL)
    run.process.kill()
    run.process.wait()
    assert not run.folder.versions.exists()
    monkeypatch.setenv("TOWNLET_FAILPOINTS", "version.before_commit=sleep:3")  # all is written, but for the manifest
    run = start(root)
    run.wait_for("a run that goes on", lambda: events(run, "resumed"))
    assert events(run, "resumed")[-1]["version"] >= first
    makes_another(run, store)
    written = store._files.folders
    run.wait_for("a version that is written", lambda: max(written()) > f"{store.newest():06d}")
    s3_gate.shut()
    goes_on_without_versions(run, f"s3://{bucket}/runs/r")
    s3_gate.open()
    makes_another(run, store)
    assert not {event["version"] for event in events(run, "version_given_up")} & {
        listed.version for listed in store.versions()
    }
    run.process.terminate()
    assert run.wait(60) == 0, run.output
