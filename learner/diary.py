"""What a run in lockstep has learned, round by round: two runs that are the same write the same lines."""

import hashlib
import json
from pathlib import Path
from typing import Any

from learner.update import QLearning, Update
from townlet.run_folder import write_whole


class Diary:
    """Adds a line of JSON to a file every `period` rounds.

    A line has the counters, the means over the updates of the round, exactly, and the SHA-256 of the online network.
    Lines of rounds after `round`, where the run goes on from, are taken away.
    """

    def __init__(self, path: Path, learning: QLearning, round: int, period: int) -> None:
        self._path = path
        self._learning = learning
        self._period = period
        self._sums: dict[str, float] = {}
        self._updates = 0
        kept = [line for line in _lines(path) if line.endswith("\n") and json.loads(line)["round"] <= round]
        write_whole(path, "".join(kept).encode())

    def add(self, update: Update) -> None:
        """An update has been made."""
        self._updates += 1
        for name in ("loss", "mean_q", "gradient_norm", "novelty"):
            self._sums[name] = self._sums.get(name, 0.0) + getattr(update, name)

    def end_round(self, counters: dict[str, Any]) -> None:
        """A round has ended. counters: what was counted since the run began, the round among them."""
        means = {name: total / self._updates for name, total in self._sums.items()}
        self._sums, self._updates = {}, 0
        if counters["round"] % self._period == 0:
            line = {**counters, **means, "online": self._digest()}
            with self._path.open("a") as file:
                file.write(json.dumps(line) + "\n")

    def _digest(self) -> str:
        parameters = self._learning.online_network.state_dict().values()
        return hashlib.sha256(b"".join(value.cpu().numpy().tobytes() for value in parameters)).hexdigest()


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines(keepends=True) if path.exists() else []
