"""Every kind of network trains through the services: its records, windows, priorities and policies fit together."""

import json

import pytest
from run_process import RunProcess

FEW_UPDATES = ("learner.max_updates=20", "evaluation.enabled=false", "replay.min_size_to_sample=500")
PRIORITIZED = ("replay.sampler={kind: prioritized}", "learner.value_rescaling=true")
TWO_OF_EACH = ("actor.count=2", "actor.lanes=8", "replay.addresses=['127.0.0.1:0', '127.0.0.1:0']")


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
