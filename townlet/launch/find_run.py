"""Which run a user means, and its policy."""

from pathlib import Path

from townlet.config import Config
from townlet.config_file import load_config
from townlet.errors import ConfigError, UnavailableError
from townlet.run_folder import RunFolder

RUNS = Path("runs")
LATEST = "latest"


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


def read_policy(folder: RunFolder) -> bytes:
    """The run's policy file. Raises UnavailableError when there is none yet."""
    try:
        return folder.policy.read_bytes()
    except FileNotFoundError:
        raise UnavailableError(
            f"{folder.policy}: the run has not saved a policy yet; its learner does so every few seconds"
        ) from None
