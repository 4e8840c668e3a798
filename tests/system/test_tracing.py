"""A real ring is traced from the actor to the shard, from the learner to the shard, and through its versions."""

import pytest
from run_process import RunProcess
from trace_collector import TraceCollector

SETTINGS = ("evaluation={enabled: false, goal: null}", "checkpoint.period_s=2")


@pytest.mark.timeout(600)
@pytest.mark.slow
def test_what_goes_round_the_ring_is_traced(short_folder):
    with TraceCollector() as collector:
        settings = (*SETTINGS, f"tracing.endpoint={collector.endpoint}")
        with RunProcess(short_folder, "L0_minimal.yaml", *settings) as run:
            for whole, part in (
                ("append", ("replay-0", "ReplayService/Append")),
                ("sample", ("replay-0", "ReplayService/Sample")),
                ("version.cut", ("replay-0", "ReplayService/CutVersion")),
                ("version.complete", ("replay-0", "ReplayService/AwaitVersion")),
                ("version.complete", ("learner", "version.commit")),
                ("hold", ("learner", "ControlService/Hold")),
            ):
                run.wait_for(f"{part} within {whole}", lambda w=whole, p=part: collector.parts(w, p), 300)
            for member, name in (
                *(("learner", "update"), ("learner", "publish"), ("actor-0", "append")),
                *(("actor-0", "version.write"), ("replay-0", "version.write"), ("replay-0", "commit")),
            ):
                run.wait_for(f"{name} of {member}", lambda m=member, n=name: collector.named(m, n), 60)
