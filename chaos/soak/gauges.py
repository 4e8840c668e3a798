"""What a process holds, as the kernel counts it."""

from dataclasses import dataclass
from pathlib import Path

KIB = 1024


@dataclass(frozen=True)
class Gauges:
    """One look at one process."""

    resident_bytes: int
    open_files: int
    threads: int


def gauges_of(pid: int, proc: Path = Path("/proc")) -> Gauges | None:
    """One look; None when there is no such process (any more)."""
    folder = proc / str(pid)
    try:
        lines = (folder / "status").read_text().splitlines()
        open_files = sum(1 for _ in (folder / "fd").iterdir())
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    if "VmRSS" not in fields:
        return None  # a zombie has no memory
    return Gauges(KIB * int(fields["VmRSS"].split()[0]), open_files, int(fields["Threads"]))
