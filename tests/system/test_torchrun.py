"""A learner whose ranks torchrun has started, beside actor, shard and Redis that run on."""

import json
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from run_process import CONFIGS, TOWNLET

from townlet.checkpoint.store import VersionStore
from townlet.config_file import dump_config, load_config
from townlet.launch.places import place
from townlet.launch.status_client import StatusClient
from townlet.launch.supervisor import Supervisor
from townlet.launch.up import children
from townlet.run_folder import RunFolder

SMALL = (
    *("network.hidden=[32]", "learner.batch_size=16", "replay.capacity=12000", "actor.lanes=16"),
    *("replay.min_size_to_sample=300", "evaluation.enabled=false", "evaluation.goal=null", "checkpoint.period_s=5"),
    "checkpoint.keep.last=1000",
)
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "learner")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


class TorchrunRun:
    """Everything of a run but the learner is looked after here; the learner's ranks by torchrun."""

    def __init__(self, root) -> None:
        settings = [f"run.root={root}", "run.name=r", *SMALL]
        config = load_config(CONFIGS / "L1_full.yaml", settings)
        self.folder = RunFolder(config.run.folder)
        self.folder.logs.mkdir(parents=True)
        self.config = place(config, self.folder)
        self.folder.config.write_text(dump_config(self.config))
        self._log = self.folder.logs / "learner.log"
        self._others = Supervisor()

    def __enter__(self) -> "TorchrunRun":
        for child in children(self.config, self.folder):
            if child.name != "learner":
                self._others.start(child)
        with self._log.open("wb") as log:
            self.torchrun = subprocess.Popen(
                [sys.executable, *TORCHRUN, str(self.folder.config)], stdout=log, stderr=log
            )
        return self

    def __exit__(self, *exception: object) -> None:
        self.torchrun.terminate()  # not killed: it would leave its ranks behind
        self.torchrun.wait(120)
        self._others.stop(lambda: True)

    def wait_for(self, what: str, happened: Callable[[], object]) -> None:
        deadline = time.monotonic() + 900
        while not happened():
            self._others.poll()
            assert self.torchrun.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, f"no {what}\n{self._log.read_text()}"
            time.sleep(0.2)

    def events(self, name: str) -> list[dict[str, object]]:
        """What all ranks have logged under this name."""
        lines = [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == name]

    def updates(self) -> int:
        client = StatusClient(self.config.learner.address)
        status = client.status()
        client.close()
        return status.updates if status else 0


def test_ranks_that_torchrun_started_go_back_to_a_version_together_and_stop_together(short_folder):
    with TorchrunRun(short_folder) as run:
        run.wait_for("updates", lambda: run.updates() > 10)
        run.wait_for("a version", lambda: run.events("version"))
        newest = VersionStore(run.folder.versions).newest()
        command = [TOWNLET, "admin", "restore", str(newest), "--address", run.config.learner.address]
        restore = subprocess.Popen(command)
        run.wait_for("the end of the restore", lambda: restore.poll() is not None)
        assert restore.returncode == 0
        run.wait_for("a second meeting", lambda: len(run.events("ranks_met")) == 4)
        before = run.updates()
        run.wait_for("updates after the restore", lambda: run.updates() > before + 10)
        run.torchrun.terminate()
        run.torchrun.wait(300)
        assert {entry["rank"] for entry in run.events("ranks_met")} == {0, 1}
        assert {entry["member"] for entry in run.events("starts_over")} == {"learner", "learner-rank-1"}
        assert {entry["member"] for entry in run.events("stopped")} == {"learner", "learner-rank-1"}
        assert run.events("version")[-1]["why"] == "the learner stops"
