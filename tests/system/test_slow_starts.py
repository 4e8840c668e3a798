"""An actor whose world takes long to begin: nobody waits for it."""

import os
import signal

import pytest
from run_process import RunProcess

from townlet.checkpoint.store import VersionStore

GATED = """
import time
from pathlib import Path
import gymnasium
from gymnasium.envs.classic_control import CartPoleEnv

class Gated(CartPoleEnv):
    begun = False

    def reset(self, **options):
        while not self.begun and not Path("gate").exists():
            time.sleep(0.1)  # the gate is a file, since this is another process
        self.begun = True
        return super().reset(**options)

gymnasium.register("Gated-v0", Gated, max_episode_steps=100)
"""
SETTINGS = (
    *("world={kind: gymnasium, id: 'gated:Gated-v0', workers: 1}", "actor.count=2", "actor.lanes=4"),
    *("replay.min_size_to_sample=200", "evaluation.goal=null", "evaluation.enabled=false", "checkpoint.period_s=1"),
)


@pytest.mark.timeout(180)
def test_versions_are_made_without_an_actor_that_has_not_begun_to_act(short_folder):
    (short_folder / "gated.py").write_text(GATED)
    gate = short_folder / "gate"
    gate.touch()
    with RunProcess(short_folder, "cartpole.yaml", *SETTINGS, cwd=short_folder) as run:
        store = VersionStore(run.folder.versions)

        def has_both() -> bool:
            return {"actor-0", "actor-1"} <= set(store.manifest(store.newest() or 0).members)

        run.wait_for("a first version", lambda: run.folder.versions.exists() and store.newest())
        run.wait_for("both actors in a version", has_both)
        gate.unlink()
        (pid,) = set(run.pids("actor")) & set(run.pids("1"))  # `python -m actor CONFIG --index 1`
        os.kill(pid, signal.SIGKILL)
        run.wait_for("the actor, back and waiting", lambda: len(joins(run)) == 2)
        alone = store.newest() + 2
        run.wait_for("versions without it", lambda: store.newest() > alone)
        assert "actor-1" not in store.manifest(store.newest()).members
        assert "actor-0" in store.manifest(store.newest()).members
        gate.touch()
        run.wait_for("both actors in a version again", has_both)
        given_up = [entry["reason"] for entry in run.log("learner") if entry["event"] == "version_given_up"]
        assert set(given_up) <= {"this shard holds nothing yet: a producer has to be opened first"}  # in the beginning


def joins(run):
    return [entry for entry in run.log("actor-1") if entry["event"] == "joined"]
