"""The shipped levels are learned, through the services, to what their configurations call learned."""

import json

import pytest
from run_process import RunProcess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.mark.parametrize(
    ("config", "seed", "goal"),
    [
        ("L1_full.yaml", 1, 490),
        ("L1_full.yaml", 2, 490),
        ("L1_full.yaml", 3, 490),
        ("L0_minimal.yaml", 1, 285),
        ("L0_5_dual.yaml", 1, 380),
        ("L2_partial.yaml", 1, 475),
        ("L3_temporal.yaml", 1, 475),
        ("three_meter.yaml", 1, 450),
        ("L2_recurrent.yaml", 1, 480),
        ("L3_recurrent.yaml", 1, 480),
        ("cartpole.yaml", 1, 475),
    ],
)
def test_a_level_is_learned_and_stays_learned(short_folder, config, seed, goal):
    with RunProcess(short_folder, config, f"seed={seed}") as run:
        assert run.wait(3500) == 0, run.output
        result = json.loads(run.folder.result.read_text())
        print(config, seed, result["goal"], run.output)  # noqa: T201  # the figures, for -s
        assert result["goal"]["confirmed"]
        reached = next(e for e in result["evaluations"] if e["training_s"] == result["goal"]["reached_s"])
        assert reached["mean_return" if config == "cartpole.yaml" else "mean_survival"] >= goal


@pytest.mark.parametrize("config", ["L0_minimal.yaml", "recall.yaml"])
def test_learning_is_not_harmed_by_products_in_bfloat16(short_folder, config):
    with RunProcess(short_folder, config, "learner.precision=bfloat16") as run:
        assert run.wait(3500) == 0, run.output
        result = json.loads(run.folder.result.read_text())
        print(config, result["goal"])  # noqa: T201  # the figures, for -s
        assert result["goal"]["confirmed"]
