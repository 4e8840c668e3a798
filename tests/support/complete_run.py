"""A run with a state of every kind, small: two actors, two shards; memory, curiosity, and lanes that go to school."""

import shutil
from pathlib import Path

from run_process import CONFIGS, RunProcess

from townlet.checkpoint.store import VersionStore

PARENTS = ("L3_curious.yaml", "L3_adversarial.yaml", "L3_recurrent.yaml")
SMALL = (
    *("actor.count=2", "actor.lanes=4", "replay.addresses=['127.0.0.1:0', '127.0.0.1:0']", "replay.capacity=6000"),
    *("world.step_cap=60", "replay.min_size_to_sample=200", "learner.batch_size=8", "learner.batches_per_request=2"),
    *("learner.sequence={burn_in: 8, unroll: 8, period: 8}", "network={kind: recurrent_mlp_q, hidden: 16}"),
    *("curiosity.hidden=[16]", "curiosity.embedding=8", "curriculum.min_episodes_at_stage=1"),
    *("curriculum.window_episodes=2", "evaluation.enabled=false", "evaluation.goal=null"),
    *("checkpoint.period_s=1.5", "checkpoint.keep={last: 4}", "learner.save_period_s=1"),
)


def complete_run(root: Path, *overrides: str, options: tuple[str, ...] = ()) -> RunProcess:
    """Not started yet. The same root is the same run. options: of the command."""
    root.mkdir(exist_ok=True)
    path = root / "complete.yaml"
    path.write_text(f"extends: [{', '.join(str(CONFIGS / parent) for parent in PARENTS)}]\n")
    return RunProcess(root, str(path), *SMALL, *overrides, options=options)


def make_complete_run(root: Path) -> Path:
    """Let it train until there are versions of all of it, and stop it in order; its folder."""
    with complete_run(root) as run:

        def enough() -> bool:
            store = VersionStore(run.folder.versions)
            listed = store.versions() if run.folder.versions.exists() else ()
            return len(listed) >= 3 and listed[-1].manifest.counters["replay-1.appended"] > 20

        run.wait_for("three versions with episodes", enough)
        run.process.terminate()
        assert run.wait(60) == 0, run.output
    return run.folder.path


def copy_of(folder: Path, root: Path) -> Path:
    """A copy of all that a run has written, under another root, where it can go on."""
    return shutil.copytree(folder, root / folder.name, ignore=shutil.ignore_patterns("*.sock"))


def flip(path: Path, bit: int = 4) -> None:
    """Alter the last byte of a file."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1 << bit
    path.write_bytes(content)
