"""What the learner logs that a user should see at once: what the run goes on from."""

from pathlib import Path

from townlet.launch.log_tail import event_of

TOLD = {
    "version_passed_over": "version {version} is damaged, and passed over: {reason}",
    "config_changed": "{key} is {now} from here on; it was {was}",
    "resumed": "the run goes on from version {version}, after {updates} updates",
}
"""By the name of the event."""


class LearnerNews:
    """Follows a log from where it ends now."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._read_bytes = log.stat().st_size if log.exists() else 0

    def lines(self) -> list[str]:
        """One for each event that has been logged since the last time and is to be told."""
        if not self._log.exists():
            return []
        with self._log.open("rb") as file:
            file.seek(self._read_bytes)
            whole_lines, newline, _ = file.read().rpartition(b"\n")
        self._read_bytes += len(whole_lines) + len(newline)
        events = [event_of(line) or {} for line in whole_lines.decode(errors="replace").splitlines()]
        return [TOLD[event["event"]].format_map(event) for event in events if event.get("event") in TOLD]
