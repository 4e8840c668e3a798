"""What curiosity adds to epsilon-greedy: how much of L3 is seen in its first 50,000 environment steps."""

import pytest
import torch
from in_process_run import InProcessRun
from run_process import CONFIGS

from townlet.config_file import load_config

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ENVIRONMENT_STEPS, EARLY = 50_000, 10_000
SETTINGS = (
    # Few lanes, many updates a step and little chance: what is explored is up to what is learned.
    *("actor.lanes=8", "replay.samples_per_insert=4", "learner.batch_size=64", "learner.publish_period_updates=10"),
    "exploration={kind: decay, start: 0.05, minimum: 0.05}",
)


def seen(*overrides: str) -> tuple[int, int]:
    """Distinct (cell, affordance underfoot, hour) after 10,000 and after 50,000 environment steps."""
    run = InProcessRun(load_config(CONFIGS / "L3_curious.yaml", [*SETTINGS, *overrides]))
    states: set[tuple[int, int, int]] = set()
    early = 0
    for at, _ in enumerate(run.steps(ENVIRONMENT_STEPS)):
        footing = run.world.footing
        states.update(map(tuple, torch.stack([run.world.state.cell, footing.underfoot, footing.hour], dim=1).tolist()))
        if (at + 1) * run.world.lanes <= EARLY:
            early = len(states)
    return early, len(states)


@pytest.mark.parametrize("seed", [1, 2])
def test_curiosity_sees_more_of_l3_than_epsilon_greedy_alone(seed):
    """All there is are 64 cells at 24 hours: 1536 states, so twice as many may be more than there are."""
    torch.set_num_threads(1)
    alone, curious = (seen(f"seed={seed}", curiosity) for curiosity in ("curiosity=null", "curiosity.weight.start=1.0"))
    for steps, a, c in zip((EARLY, ENVIRONMENT_STEPS), alone, curious, strict=True):
        print(f"seed {seed}, {steps} steps: {a} states alone, {c} with curiosity ({c / a:.2f} x), of 1536")  # noqa: T201
    assert curious[0] > 1.2 * alone[0]
    assert curious[1] > alone[1]
