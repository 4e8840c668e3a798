"""What is only there where Townlet was installed with a C compiler."""

import shutil

import pytest

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="nothing is compiled without a compiler")
