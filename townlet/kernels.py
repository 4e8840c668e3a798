"""What an actor does with every lane in every step, by compiled code: see `kernels.c`."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from townlet.compiled_code import compiled_code, compiled_function

MODULE = "townlet._kernels"
SOURCE = Path(__file__).with_suffix(".c")


@cache
def kernel(name: str, *, numbers: int, tensors: int) -> Callable[..., None] | None:
    """A function of `kernels.c`, see `compiled_function`; None where it is not compiled."""
    library = compiled_code(MODULE, SOURCE)
    return None if library is None else compiled_function(getattr(library, name), numbers=numbers, tensors=tensors)
