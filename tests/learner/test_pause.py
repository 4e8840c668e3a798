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
        self._pause.resume()
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


def moves(training: Training, wait_s: float = 0.1) -> bool:
    """Whether updates are being made; waits until there is one, or for a moment."""
    seen, deadline = training.updates, time.monotonic() + wait_s
    while training.updates == seen and time.monotonic() < deadline:
        time.sleep(0.001)
    return training.updates > seen


def wait_until_still(training: Training) -> None:
    while moves(training):
        pass


def test_no_update_is_made_while_it_is_paused_and_versions_can_be_made_all_the_same():
    pause = Pause()
    with Training(pause, lambda: {"updates": training.updates}) as training:
        pause.pause()
        pause.pause()
        wait_until_still(training)
        for _ in range(2):
            assert asyncio.run(asyncio.wait_for(pause.stand_still(), 10)) == {"updates": training.updates}
            pause.go_on()
            assert not moves(training)
        pause.resume()
        pause.resume()
        assert moves(training, wait_s=20.0)
        asyncio.run(asyncio.wait_for(pause.stand_still(), 10))
        pause.pause()
        pause.resume()
        assert not moves(training)  # the version is not cut yet
        pause.go_on()
        assert moves(training, wait_s=20.0)


def test_who_stops_is_not_kept_by_a_pause():
    stop = threading.Event()
    pause = Pause(stop)
    pause.pause()
    stop.set()
    pause.between_updates(dict)


def test_where_nothing_can_be_captured_it_stays_until_it_may_resume_or_something_comes_up():
    pause = Pause()
    pause.stay(lambda: False)
    pause.pause()
    asked = iter([False, False, True])
    pause.stay(lambda: next(asked))
    threading.Timer(0.05, pause.resume).start()
    pause.stay(lambda: False)
    assert not pause.paused
