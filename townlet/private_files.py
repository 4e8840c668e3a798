"""Files that only their owner may read or change."""

import stat
from pathlib import Path

from townlet.run_folder import write_whole


def write_private(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; from its first byte on nobody but its owner can read it."""
    write_whole(path, content, mode=0o600)


def others_can_read(path: Path) -> bool:
    """Whether everybody on this machine can."""
    return bool(path.stat().st_mode & stat.S_IROTH)


def others_can_write(path: Path) -> bool:
    """Whether anybody but the owner can."""
    return bool(path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH))
