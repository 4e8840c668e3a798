"""What pyproject.toml cannot say: the code that is compiled, with the digest of what it was built from.

Where there is no C compiler it is left out, and its work is done by operations on tensors.
"""

from hashlib import sha256
from pathlib import Path

from setuptools import Extension, setup

SOURCES = ("townlet/kernels.c", "townlet/worlds/hamlet/kernels.c")


def extension(source: Path) -> Extension:
    """The module `_kernels` beside the source."""
    return Extension(
        ".".join([*source.parent.parts, f"_{source.stem}"]),
        [str(source)],
        define_macros=[("SOURCE", f'"{sha256(source.read_bytes()).hexdigest()}"')],
        extra_compile_args=["-O3", "-ffp-contract=off", "-std=c99"],
        optional=True,
    )


setup(ext_modules=[extension(Path(source)) for source in SOURCES])
