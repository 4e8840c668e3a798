"""Which run a user means, and its policy."""

from collections.abc import Callable
from pathlib import Path

from townlet.checkpoint.store import VersionStore
from townlet.config import Config
from townlet.config_file import load_config
from townlet.errors import ConfigError, UnavailableError
from townlet.run_folder import POLICY_FILE, RunFolder

RUNS = Path("runs")
LATEST = "latest"
LEARNER = "learner"
"""Whose component of a version has the policy."""


def find_run(name: str) -> RunFolder:
    """The folder of the run that `name` means: a path, a name under runs/, or `latest`.

    Raises ConfigError when there is none, and says which there are.
    """
    runs = sorted(RUNS.glob("*/config.yaml"), key=lambda path: path.stat().st_mtime)
    if name == LATEST:
        if not runs:
            raise ConfigError(f"no run under {RUNS}/ yet: start one with `townlet up CONFIG`")
        return RunFolder(runs[-1].parent)
    for path in (Path(name), RUNS / name):
        if (path / "config.yaml").exists():
            return RunFolder(path)
    known = ", ".join(path.parent.name for path in runs[-5:]) or "none"
    raise ConfigError(f"run {name}: expected a run's folder, or the name of one under {RUNS}/ (newest: {known})")


def load_run_config(folder: RunFolder) -> Config:
    """The configuration that the run runs with. Raises ConfigError."""
    return load_config(folder.config)


def policy_reader(folder: RunFolder, config: Config, version: int | None = None) -> Callable[[], tuple[bytes, str]]:
    """What reads the run's policy, and says where it is: the one saved last, again each time, or that of a version.

    Raises CheckpointError when there is no such version, or it is damaged; the reader raises UnavailableError when
    there is no policy yet.
    """
    if version is None:
        return lambda: (_read_policy(folder), str(folder.policy))
    store = VersionStore(config.checkpoint.root or folder.versions)
    found = store.open(version, LEARNER).file(LEARNER, POLICY_FILE), f"version {version} of {folder.path.name}"
    return lambda: found


def _read_policy(folder: RunFolder) -> bytes:
    try:
        return folder.policy.read_bytes()
    except FileNotFoundError:
        raise UnavailableError(
            f"{folder.policy}: the run has not saved a policy yet; its learner does so every few seconds"
        ) from None
