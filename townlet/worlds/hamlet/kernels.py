"""Finds the compiled rules, which are built when Townlet is installed where there is a C compiler."""

import ctypes
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import structlog

LIBRARY = "townlet.worlds.hamlet._kernels"
SOURCE = Path(__file__).with_name("kernels.c")

log = structlog.get_logger()


@cache
def kernels(library: str = LIBRARY, source: Path = SOURCE) -> ctypes.CDLL | None:
    """The compiled rules; None where they were not built, or from another source than the one that is here."""
    spec = find_spec(library)
    if spec is None or spec.origin is None:
        return None
    compiled = ctypes.CDLL(spec.origin)
    compiled.hamlet_source.restype = ctypes.c_char_p
    if compiled.hamlet_source().decode() != sha256(source.read_bytes()).hexdigest():
        log.warning("compiled_rules_are_old", effect="the world's steps are slower", remedy="pip install --editable .")
        return None
    return compiled
