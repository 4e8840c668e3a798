"""Compiled code is gone by where it was built from the source that is here."""

import pytest
from compiler import needs_compiler

from townlet import kernels
from townlet.compiled_code import compiled_code
from townlet.worlds.hamlet import kernels as hamlet

both = pytest.mark.parametrize("code", [kernels, hamlet], ids=lambda code: code.MODULE)


@needs_compiler
@both
def test_it_was_built(code):
    assert compiled_code(code.MODULE, code.SOURCE) is not None


def test_what_was_not_built_is_missing_and_no_more():
    assert compiled_code("townlet._never_built", kernels.SOURCE) is None


@needs_compiler
@both
def test_what_was_built_from_another_source_is_not_gone_by(code, tmp_path, capsys):
    changed = tmp_path / "changed.c"
    changed.write_bytes(code.SOURCE.read_bytes() + b"\n")
    assert compiled_code(code.MODULE, changed) is None
    assert "pip install --editable ." in capsys.readouterr().out
