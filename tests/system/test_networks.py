"""Every kind of network trains through the services: its records, windows, priorities and policies fit together."""

import json
import subprocess

import pytest
from run_process import TOWNLET, RunProcess

FEW_UPDATES = ("learner.max_updates=20", "evaluation.enabled=false", "replay.min_size_to_sample=500")
PRIORITIZED = ("replay.sampler={kind: prioritized}", "learner.value_rescaling=true")
TWO_OF_EACH = ("actor.count=2", "actor.lanes=8", "replay.addresses=['127.0.0.1:0', '127.0.0.1:0']")


def townlet(*arguments: str) -> str:
    return subprocess.run([TOWNLET, *arguments], check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_network_that_remembers_learns_what_one_without_memory_cannot(short_folder):
    """Chance is one in four; the answer was shown ten steps ago."""
    held = ("evaluation.goal.confirmations=2",)  # what one evaluation shows may be gone with the next update
    without = ("network={kind: mlp_q}", "learner.sequence=null", "evaluation.goal=null", "learner.max_updates=500")
    for name, settings in (("memory", held), ("none", without)):
        with RunProcess(short_folder / name, "recall.yaml", *settings) as run:
            assert run.wait(140) == 0, run.output
    runs = (str(short_folder / "memory" / "r"), "--beside", str(short_folder / "none" / "r"))
    found = json.loads(townlet("evaluate", *runs, "--episodes", "400", "--json"))
    assert found["mean_return"] >= 0.9
    assert "its memory cut" in found["baselines"]
    for forgetful in ("r", "random"):
        assert 0.1 < found["baselines"][forgetful]["mean_return"] < 0.4, forgetful


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("config", "settings"),
    [
        ("L1R_typed.yaml", PRIORITIZED),
        ("L2R_recurrent.yaml", ()),
        ("recall.yaml", (*PRIORITIZED, *TWO_OF_EACH)),
    ],
)
def test_a_few_updates_are_made_and_the_run_ends_by_itself(short_folder, config, settings):
    with RunProcess(short_folder, config, *FEW_UPDATES, *settings) as run:
        assert run.wait(100) == 0, run.output
        assert json.loads(run.folder.result.read_text())["updates"] == 20
