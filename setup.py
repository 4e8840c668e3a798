"""What pyproject.toml cannot say: the compiled rules of the Hamlet world, with the digest of what they were built from.

Where there is no C compiler they are left out, and the world goes by tensors.
"""

from hashlib import sha256
from pathlib import Path

from setuptools import Extension, setup

SOURCE = "townlet/worlds/hamlet/kernels.c"

setup(
    ext_modules=[
        Extension(
            "townlet.worlds.hamlet._kernels",
            [SOURCE],
            define_macros=[("SOURCE", f'"{sha256(Path(SOURCE).read_bytes()).hexdigest()}"')],
            extra_compile_args=["-O3", "-ffp-contract=off", "-std=c99"],
            optional=True,
        )
    ]
)
