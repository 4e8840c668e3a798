"""Keeps the learner's state and the light policy file in the run's folder, so that a learner that dies goes on."""

import time
from collections.abc import Callable
from typing import Any

import structlog

from learner.state import load_state, save_state
from learner.update import QLearning
from townlet.policy import encode_weights
from townlet.run_folder import RunFolder, write_whole

log = structlog.get_logger()


class Keeper:
    """Saves every `period_s`, between two updates. books: the rest of what the learner knows, as plain values."""

    def __init__(
        self, folder: RunFolder, config_digest: str, period_s: float, books: Callable[[], dict[str, Any]]
    ) -> None:
        self._folder = folder
        self._config_digest = config_digest
        self._period_s = period_s
        self._books = books
        self._saved_s = time.monotonic()

    def save_when_due(self, learning: QLearning) -> None:
        """Save if the last time is `period_s` ago."""
        if time.monotonic() - self._saved_s >= self._period_s:
            self.save(learning)

    def save(self, learning: QLearning) -> None:
        """Save now. A disk that refuses is reported; training goes on, and the files stay as they were."""
        try:
            books = {"config_digest": self._config_digest, **self._books()}
            save_state(self._folder.learner_state, learning, books)
            about = {"updates": str(learning.updates), "config_digest": self._config_digest}
            write_whole(self._folder.policy, encode_weights(learning.averaged_network, about))
        except OSError as error:
            log.error("not_saved", path=str(self._folder.path), reason=error.strerror, effect="training goes on")
        self._saved_s = time.monotonic()


def take_up_state(folder: RunFolder, config_digest: str, learning: QLearning) -> dict[str, Any] | None:
    """Put the learner where its run was saved; the books, or None when the run is new."""
    if not folder.learner_state.exists():
        return None
    books = load_state(folder.learner_state, learning, config_digest=config_digest)
    log.info("resumed", updates=learning.updates)
    return books
