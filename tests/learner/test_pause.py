"""The training stands still between two updates, and goes on when it is told to."""

import asyncio
import threading
import time

import pytest

from learner.pause import Pause


class Training:
    """Makes updates in a thread, as fast as it can."""

    def __init__(self, pause: Pause, capture) -> None:
        self.updates = 0
        self._pause = pause
        self._capture = capture
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._train)

    def __enter__(self) -> "Training":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._pause.go_on()
        self._thread.join()

    def _train(self) -> None:
        while not self._stop.is_set():
            self._pause.between_updates(self._capture)
            self.updates += 1


def test_no_update_is_made_while_the_training_stands_still():
    pause = Pause()
    with Training(pause, lambda: {"updates": training.updates}) as training:
        for _ in range(3):
            state = asyncio.run(pause.stand_still())
            time.sleep(0.02)
            assert training.updates == state["updates"]
            pause.go_on()
            while training.updates == state["updates"]:
                time.sleep(0.001)


def test_a_state_that_cannot_be_captured_is_told_to_who_asked():
    def fail():
        raise ValueError("mine")

    pause = Pause()
    with Training(pause, fail) as training:
        with pytest.raises(ValueError, match="mine"):
            asyncio.run(pause.stand_still())
        pause.go_on()
        seen = training.updates
        while training.updates == seen:
            time.sleep(0.001)
