"""Compiled code for CPUs, which is built when Townlet is installed where there is a C compiler."""

import ctypes
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import structlog
from torch import Tensor

log = structlog.get_logger()


@cache
def compiled_code(module: str, source: Path) -> ctypes.CDLL | None:
    """The library that a source was compiled to; None where there is none, or one of another source than is here."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return None
    library = ctypes.CDLL(spec.origin)
    library.source_digest.restype = ctypes.c_char_p
    if library.source_digest().decode() != sha256(source.read_bytes()).hexdigest():
        log.warning("compiled_code_is_old", source=source.name, effect="slower", remedy="pip install --editable .")
        return None
    return library


def compiled_function(compiled: Any, *, numbers: int, tensors: int) -> Callable[..., None]:
    """A function of a library: takes so many whole numbers, and then so many contiguous tensors of the CPU.

    In a tensor's place there may be None, or anything else that ctypes knows the address of.
    """
    compiled.argtypes = [*[ctypes.c_int64] * numbers, *[ctypes.c_void_p] * tensors]
    compiled.restype = None

    def function(*given: Any) -> None:
        compiled(*[each.data_ptr() if isinstance(each, Tensor) else each for each in given])

    return function
