"""What the learner shows of versions and of the run."""

import threading
import time

from prometheus_client import CollectorRegistry

from learner.head import Head
from learner.lags import Lags
from learner.meter import Meter
from learner.metrics import RunReadings, VersionMetrics, batch_readings
from learner.publisher import Publisher
from learner.sample_client import SampleClient
from learner.scoreboard import Scoreboard
from learner.versions import Step
from protos import control_pb2, policy_pb2
from townlet.metrics.readings import Readings


def test_versions_count_by_how_they_end_and_the_newest_one_grows_old():
    registry = CollectorRegistry()
    versions = VersionMetrics(registry, committed_s=100.0)
    assert 100.0 <= registry.get_sample_value("townlet_checkpoint_age_seconds") < 160.0
    for name in ("announced", "cut", "written", "committed"):
        versions.note(Step(name, 1))
    assert registry.get_sample_value("townlet_checkpoint_age_seconds") < 60.0
    for name in ("announced", "given up"):
        versions.note(Step(name, 2))
    for outcome in ("committed", "given_up"):
        assert registry.get_sample_value("townlet_checkpoints_total", {"outcome": outcome}) == 1
    for phase in ("cut", "written", "committed"):
        assert registry.get_sample_value("townlet_checkpoint_seconds_count", {"phase": phase}) == 1


def test_the_run_is_read_as_it_stands():
    head, publisher, lags, registry = Head(), Publisher(), Lags(), CollectorRegistry()
    board = Scoreboard("r", head, publisher, Meter(), lambda: 9, lambda: (0.0, 0.1), None, lambda: None)
    registry.register(Readings(RunReadings(board, head, lags, lambda: 9).read))
    value = registry.get_sample_value
    assert value("townlet_run_waiting", {"reason": "actors"}) == 1
    assert value("townlet_learner_loss") is None
    assert value("townlet_policy_age_seconds") is None

    now_s = time.monotonic()
    for incarnation in ("a", "b"):
        request = control_pb2.JoinRequest(
            member="actor-0", incarnation=incarnation, role=control_pb2.ROLE_ACTOR, lanes=2
        )
        head.join(request, now_s)
        head.join(request, now_s)  # repeated after a lost answer
    head.report(control_pb2.ReportRequest(member="actor-0", incarnation="b", environment_steps=6), now_s)
    for version in (1, 2, 3):
        publisher.publish(policy_pb2.Policy(version=version), b"", b"", b"")
        lags.publish(version, now_s - 30.0)
    head.acknowledge({"actor-0": 1})
    assert value("townlet_run_waiting", {"reason": "actors"}) == 0
    assert value("townlet_run_environment_steps_total") == 6
    assert value("townlet_learner_updates_total") == 9
    assert value("townlet_member_joins_total", {"member": "actor-0"}) == 2
    assert value("townlet_members", {"state": "present"}) == 1
    assert value("townlet_policy_lag_versions", {"member": "actor-0"}) == 2
    assert 30.0 <= value("townlet_policy_lag_seconds", {"member": "actor-0"}) < 90.0


def test_a_learner_without_batches_counts_the_seconds():
    class Nothing:
        """Shards that hold nothing."""

        def draw(self, request):
            return list

        def close(self):
            pass

    class Windows:
        """An assembly that is never asked to assemble."""

        def request(self, run, batches):
            return None

    stop, registry = threading.Event(), CollectorRegistry()
    client = SampleClient(
        Nothing(), Windows(), run="r", batches_per_request=1, prefetch_requests=2, prioritized=False, stop=stop
    )
    registry.register(Readings(lambda: batch_readings(client)))
    with client:
        assert client.next(stop.set) is None
    assert registry.get_sample_value("townlet_learner_batch_wait_seconds_total") > 0.05
    assert registry.get_sample_value("townlet_learner_ready_requests") == 0
