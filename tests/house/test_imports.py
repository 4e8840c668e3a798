"""Who may import whom: protos <- townlet <- services, and services never each other."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAY_IMPORT = {
    "protos": {"protos"},
    "townlet": {"protos", "townlet"},
    "actor": {"protos", "townlet", "actor"},
    "learner": {"protos", "townlet", "learner"},
    "replay_service": {"protos", "townlet", "replay_service"},
    "relay": {"protos", "townlet", "relay"},
}


def imports(path: Path) -> set[str]:
    """The top-level names of all modules that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add((node.module or "").partition(".")[0])
    return names


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_what_stands_below_it(package):
    for path in (ROOT / package).rglob("*.py"):
        ours = imports(path) & MAY_IMPORT.keys()
        assert ours <= MAY_IMPORT[package], f"{path} imports {sorted(ours - MAY_IMPORT[package])}"


def test_redis_is_imported_in_one_module():
    users = [path for package in MAY_IMPORT for path in (ROOT / package).rglob("*.py") if "redis" in imports(path)]
    assert users == [ROOT / "replay_service" / "redis_log.py"]


PICKLES = {
    *("pickle", "_pickle", "pickletools", "cloudpickle", "dill", "joblib", "shelve", "marshal", "multiprocessing"),
    *("torch.save", "torch.load", "torch.package", "torch.multiprocessing", "torch.jit", "torch.hub"),
    *("all_gather_object", "gather_object", "broadcast_object_list", "scatter_object_list"),
    *("send_object_list", "recv_object_list", "allow_pickle", "__reduce__", "__reduce_ex__"),
}
"""Modules, functions of torch, and names, that read or write pickles or send them to other processes."""


def pickles(path: Path) -> set[str]:
    """What a file mentions of these, however it is imported or called."""
    named = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names} | {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            named |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Attribute):
            named |= {node.attr, f"{node.value.id}.{node.attr}" if isinstance(node.value, ast.Name) else ""}
        elif isinstance(node, ast.keyword | ast.FunctionDef):
            named.add((node.arg if isinstance(node, ast.keyword) else node.name) or "")
    return named & PICKLES


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_nothing_pickles(package):
    for path in (ROOT / package).rglob("*.py"):
        assert not pickles(path), path


@pytest.mark.parametrize(
    "line",
    [
        *("import pickle", "from pickle import loads", "import multiprocessing.pool", "from torch import load"),
        *("torch.load(path)", "numpy.load(path, allow_pickle=True)", "from joblib import dump"),
        *("torch.distributed.broadcast_object_list(x)", "import torch.multiprocessing as mp"),
    ],
)
def test_what_pickles_would_be_found(line, tmp_path):
    (tmp_path / "module.py").write_text(line)
    assert pickles(tmp_path / "module.py")


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("replay_service.__main__", {"torch", "actor", "learner", "gymnasium"}),
        ("relay.__main__", {"torch", "safetensors", "redis", "actor", "learner", "replay_service", "gymnasium"}),
        ("townlet.cli", {"torch", "grpc", "numpy", "pydantic", "gymnasium"}),
        ("actor.__main__", {"torch", "gymnasium"}),
        ("actor.compose", {"gymnasium"}),
        ("learner.__main__", {"torch", "gymnasium"}),
        ("learner.compose", {"gymnasium"}),
        ("townlet.health", {"torch", "numpy", "gymnasium", "redis"}),
        ("townlet.launch.commands", {"torch", "gymnasium"}),
        ("townlet.launch.evaluate", {"gymnasium"}),
        ("townlet.launch.watch", {"gymnasium"}),
        ("townlet.worlds.gymnasium.worker", {"torch", "grpc"}),
    ],
)
def test_importing_a_module_leaves_out_what_it_does_not_need(module, unwanted):
    program = f"import {module}, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    assert not set(loaded.stdout.split()) & unwanted
