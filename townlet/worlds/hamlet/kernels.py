"""The compiled rules: see `kernels.c`."""

from ctypes import CDLL
from pathlib import Path

from townlet.compiled_code import compiled_code

MODULE = "townlet.worlds.hamlet._kernels"
SOURCE = Path(__file__).with_suffix(".c")


def kernels() -> CDLL | None:
    """None where they are not compiled."""
    return compiled_code(MODULE, SOURCE)
