"""The manifests under deploy/kubernetes as lists of objects: as they stand in the files, or as kustomize makes them."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]

REPOSITORY = Path(__file__).parents[3]
ROOT = REPOSITORY / "deploy" / "kubernetes"
OVERLAYS = sorted(path.name for path in (ROOT / "overlays").iterdir())
COMPONENTS = sorted(path.name for path in (ROOT / "components").iterdir())
TIMEOUT_S = 120.0


def renderer() -> list[str] | None:
    """The command that renders a folder; None where there is none on this machine."""
    for command in (["kustomize", "build"], ["kubectl", "kustomize"]):
        if shutil.which(command[0]) is not None:
            return command
    return None


def rendered(folder: Path) -> list[Object]:
    """What kustomize makes of a folder."""
    command = renderer()
    assert command is not None
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def as_written(*components: str) -> list[Object]:
    """The objects of the base and of some components, without the components' patches: needs no kustomize."""
    folders = [ROOT / "base", *(ROOT / "components" / name for name in components)]
    objects = [each for folder in folders for each in _resources(folder)]
    return [*objects, *_config_maps(ROOT / "base")]


def kustomization(folder: Path) -> Object:
    """The kustomization.yaml of a folder."""
    document: Object = yaml.safe_load((folder / "kustomization.yaml").read_text())
    return document


def _resources(folder: Path) -> list[Object]:
    files = [folder / name for name in kustomization(folder).get("resources", [])]
    objects = [each for file in files for each in yaml.safe_load_all(file.read_text()) if each]
    for each in objects:
        if each["kind"] != "Namespace":
            each["metadata"]["namespace"] = "townlet"
    return objects


def _config_maps(folder: Path) -> list[Object]:
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": generator["name"], "namespace": "townlet"},
            "data": {name: (folder / name).read_text() for name in generator.get("files", [])}
            | dict(literal.split("=", 1) for literal in generator.get("literals", [])),
        }
        for generator in kustomization(folder)["configMapGenerator"]
    ]
