"""The images as they are built: small rights, nothing to write, torch only where it is needed, a stop that is heard."""

import json
import time

import pytest
from containers import ROOT, docker, said

pytestmark = [pytest.mark.compose, pytest.mark.timeout(3600)]

TARGETS = ("actor", "learner", "replay")
LOCKED_UP = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=none", "--tmpfs=/tmp")


@pytest.fixture(scope="module")
def images():
    """The tag of each target."""
    for target in TARGETS:
        dockerfile, tag = str(ROOT / "deploy" / "Dockerfile"), f"townlet-test-{target}"
        docker("build", "--file", dockerfile, "--target", target, "--tag", tag, str(ROOT))
    return {target: f"townlet-test-{target}" for target in TARGETS}


def python(image: str, code: str) -> str:
    return docker("run", "--rm", *LOCKED_UP, "--entrypoint=python", image, "-c", code)


@pytest.mark.parametrize("target", TARGETS)
def test_it_runs_as_nobody_in_particular(images, target):
    assert python(images[target], "import os; print(os.getuid(), os.getgid(), os.getgroups())") == "10001 10001 [10001]"


def test_the_replay_has_no_torch_and_starts_without(images):
    finds = "import importlib.util; print(importlib.util.find_spec('torch'))"
    assert python(images["replay"], finds) == "None"
    assert python(images["replay"], "import replay_service.__main__; print('good')") == "good"


@pytest.mark.parametrize("target", ["actor", "learner"])
def test_who_trains_has_torch_with_all_that_it_imports(images, target):
    code = "import torch, torch.distributed, torch.nn.functional, torch.utils.tensorboard; print(torch.ones(2).sum())"
    assert python(images[target], code) == "tensor(2.)"
    assert python(images[target], f"import {target}.compose; print('good')") == "good"


@pytest.mark.parametrize("target", TARGETS)
def test_the_shipped_configurations_are_in_it(images, target):
    code = "from pathlib import Path; from townlet.config_file import load_config as load; "
    code += "print(load(Path('/opt/townlet/configs/L2_partial.yaml')).world.view)"
    assert python(images[target], code) == "local"


@pytest.mark.parametrize("target", TARGETS)
def test_without_a_configuration_it_says_so_in_one_sentence(images, target):
    container = docker("run", "--detach", *LOCKED_UP, images[target])
    try:
        assert docker("wait", container) == "2"
        assert "/etc/townlet/config.yaml: cannot be read" in said(container)
        assert "Traceback" not in said(container)
    finally:
        docker("rm", "--force", container)


@pytest.mark.parametrize("target", ["actor", "learner"])
def test_process_one_hears_that_it_shall_stop(images, target, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text(
        "extends: /opt/townlet/configs/L0_minimal.yaml\n"
        "learner: {address: '127.0.0.1:50051'}\nreplay: {addresses: ['127.0.0.1:50052']}\n"
    )
    tmp_path.chmod(0o755)
    config.chmod(0o644)
    data = "--tmpfs=/data:uid=10001"
    mount = f"--volume={config}:/etc/townlet/config.yaml:ro"
    container = docker("run", "--detach", *LOCKED_UP, data, mount, images[target])
    try:
        while "started" not in said(container):
            time.sleep(0.2)
        docker("stop", "--time", "120", container)
        state = json.loads(docker("inspect", container))[0]["State"]
        assert (state["ExitCode"], state["OOMKilled"]) == (0, False), said(container)
    finally:
        docker("rm", "--force", container)
