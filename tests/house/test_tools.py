"""The house is in order: generated code is fresh, protos are well formed, code is formatted, linted and typed."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def run(*command: str, cwd: Path = ROOT) -> None:
    done = subprocess.run(command, check=False, cwd=cwd, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"


def test_the_code_generated_from_the_protos_is_fresh(tmp_path):
    plugins = [f"--plugin=protoc-gen-{name}={BIN}/protoc-gen-{name}" for name in ("mypy", "mypy_grpc")]
    outputs = [
        f"--{name}={prefix}{tmp_path}"
        for name, prefix in (
            ("python_out", ""),
            ("grpc_python_out", ""),
            ("mypy_out", "quiet:"),
            ("mypy_grpc_out", "quiet:"),
        )
    ]
    protos = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "protos").glob("*.proto"))
    run(sys.executable, "-m", "grpc_tools.protoc", "-I", ".", *plugins, *outputs, *protos)
    generated = sorted(path.name for path in (tmp_path / "protos").iterdir())
    assert generated == sorted(path.name for path in (ROOT / "protos").glob("*_pb2*"))
    for name in generated:
        fresh = (tmp_path / "protos" / name).read_text()
        assert fresh == (ROOT / "protos" / name).read_text(), f"protos/{name} is stale: run `make protos`"


@pytest.mark.parametrize(
    "command",
    [("buf", "lint"), ("ruff", "format", "--check", "."), ("ruff", "check", "."), ("mypy",)],
    ids=["buf lint", "ruff format", "ruff check", "mypy"],
)
@pytest.mark.timeout(600)
def test_the_tools_have_nothing_to_say(command):
    run(str(BIN / command[0]), *command[1:])
