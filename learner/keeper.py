"""Keeps the light policy file in the run's folder: all that evaluating and watching the agent needs."""

import time

import structlog

from learner.update import QLearning
from townlet.policy import encode_weights
from townlet.run_folder import RunFolder, write_whole

log = structlog.get_logger()


class Keeper:
    """Writes every `period_s`, between two updates."""

    def __init__(self, folder: RunFolder, config_digest: str, period_s: float) -> None:
        self._folder = folder
        self._config_digest = config_digest
        self._period_s = period_s
        self._saved_s = time.monotonic()

    def save_when_due(self, learning: QLearning) -> None:
        """Save if the last time is `period_s` ago."""
        if time.monotonic() - self._saved_s >= self._period_s:
            self.save(learning)

    def save(self, learning: QLearning) -> None:
        """Save now. A disk that refuses is reported; training goes on, and the file stays as it was."""
        try:
            about = {"updates": str(learning.updates), "config_digest": self._config_digest}
            write_whole(self._folder.policy, encode_weights(learning.averaged_network, about))
        except OSError as error:
            log.error("not_saved", path=str(self._folder.policy), reason=error.strerror, effect="training goes on")
        self._saved_s = time.monotonic()
