"""What a process said last."""

import json
from pathlib import Path

TAIL_BYTES = 8_192


def last_words(log: Path) -> str:
    """Why a process ended, from the end of its log: the reason of its last error, else its last line."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    except OSError:
        return ""
    for line in reversed(lines):
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("level") == "error":
            return str(entry.get("reason") or entry.get("exception", "").strip().rpartition("\n")[2])
    return lines[-1] if lines else ""
