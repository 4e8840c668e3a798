"""What a process said last."""

import json
from pathlib import Path
from typing import Any

TAIL_BYTES = 8_192


def last_words(log: Path) -> str:
    """Why a process ended, from the end of its log: the reason of its last error, else the last line that is no event.

    What was said before it last started is not looked at.
    """
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    except OSError:
        return ""
    last_line = ""
    for line in reversed(lines):
        event = event_of(line)
        if event is None:
            last_line = last_line or line
        elif event.get("level") == "error":
            return str(event.get("reason") or event.get("exception", "").strip().rpartition("\n")[2])
        elif event.get("event") == "started":
            break
    return last_line


def event_of(line: str) -> dict[str, Any] | None:
    """What a line logs; None when it is no event."""
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None
