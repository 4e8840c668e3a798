"""Children of `townlet up` do not outlive it, however it dies."""

import ctypes
import os
import signal
import sys

PARENT_VARIABLE = "TOWNLET_PARENT"
"""Holds the process ID of the `townlet up` that started this process."""

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent dies. Does nothing without one, and elsewhere than on Linux."""
    parent = os.environ.get(PARENT_VARIABLE)
    if parent is None or sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):  # it died before we asked
        os.kill(os.getpid(), signal.SIGTERM)
