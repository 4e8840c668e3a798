"""The network cuts, delays and resets every edge of the ring: nobody hangs, and what was acknowledged is there once."""

import time

import pytest
from faulty_run import EDGES, FaultyRun

SHORT_CUT_S = 4.0
CUT_S = 60.0
FAULTS_S = 60.0


@pytest.fixture
def make_run(short_folder, unused_ports):
    return lambda **faults: FaultyRun(short_folder, unused_ports(2), **faults)


def cut(run: FaultyRun, edges: tuple[str, ...], seconds: float) -> float:
    """The seconds until everybody got on again."""
    for edge in edges:
        run.proxies[edge].cut()
    time.sleep(seconds)
    for edge in edges:
        run.proxies[edge].heal()
    return run.get_on(f"a cut of {' and '.join(edges)}")


@pytest.mark.timeout(600)
def test_short_partitions_of_edges_mend_by_themselves(make_run):
    with make_run() as run:
        cut(run, ("actor-replay", "actor-learner"), SHORT_CUT_S)
        cut(run, ("learner-replay", "replay-redis"), SHORT_CUT_S)
        assert run.check() > 10


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("edge", EDGES)
def test_a_minute_without_an_edge_mends_by_itself(make_run, edge, record_property):
    with make_run() as run:
        record_property("seconds_to_recover", cut(run, (edge,), CUT_S))
        if edge == "actor-learner":
            assert "policy_stream_ended" in run.log("actor"), "keep-alive notices a stream that hangs"
        record_property("acknowledged", run.check())


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("faults", [{"latency_s": 0.2}, {"reset_chance": 0.01}], ids=["slow", "torn"])
def test_every_edge_is_slow_or_torn_again_and_again(make_run, faults, record_property):
    with make_run(**faults) as run:
        until_s = time.monotonic() + FAULTS_S
        while time.monotonic() < until_s:
            run.get_on(f"faults of {faults}")
        if "reset_chance" in faults:
            record_property("resets", resets := sum(proxy.resets for proxy in run.proxies.values()))
            assert resets > 10
            for proxy in run.proxies.values():
                proxy.reset_chance = 0.0
            run.get_on("the last reset")
        record_property("acknowledged", run.check())
