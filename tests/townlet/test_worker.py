"""A thread that dies is not unnoticed, whatever its death makes the main thread raise."""

import threading

import pytest

from townlet.errors import StartOverError, UnavailableError
from townlet.worker import Worker


def dies() -> None:
    raise StartOverError("the run goes back")


def test_what_the_thread_raised_is_raised_when_it_is_left():
    stop = threading.Event()
    with pytest.raises(StartOverError), Worker("test", dies, stop):
        assert stop.wait(10)


def test_who_gives_up_waiting_because_the_thread_died_does_not_hide_why():
    stop = threading.Event()

    def wait() -> None:
        with Worker("test", dies, stop):
            assert stop.wait(10)
            raise UnavailableError("it does not answer")

    with pytest.raises(StartOverError):
        wait()


def test_another_error_of_the_main_thread_is_its_own():
    def fail() -> None:
        with Worker("test", dies, threading.Event()):
            raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        fail()
