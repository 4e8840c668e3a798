"""Hostile messages are many and different, and follow from their seed."""

import random
from collections import Counter

from google.protobuf.message import DecodeError

from chaos.hostile.messages import HostileMessages
from protos import control_pb2, replay_pb2

GOOD = {"run": ("r",), "value": ("words", 1.0)}
REPORT = control_pb2.ReportRequest(run="r", member="actor-0", environment_steps=7)


def messages(seed: int = 0) -> HostileMessages:
    return HostileMessages(control_pb2.ReportRequest.DESCRIPTOR, GOOD, [REPORT], random.Random(seed))


def test_they_follow_from_the_seed():
    first, again, other = messages(), messages(), messages(1)
    drawn = [first.any() for _ in range(200)]
    assert drawn == [again.any() for _ in range(200)]
    assert drawn != [other.any() for _ in range(200)]
    assert len(set(drawn)) > 150


def test_hostile_ones_are_valid_and_have_every_field_and_values_that_nobody_sends():
    hostile = messages()
    reports = [control_pb2.ReportRequest.FromString(hostile.hostile()) for _ in range(400)]
    fields = Counter(field.name for report in reports for field, _ in report.ListFields())
    assert fields.keys() == {field.name for field in control_pb2.ReportRequest.DESCRIPTOR.fields}
    assert fields["run"] > 100
    assert {report.environment_steps for report in reports} >= {0, 2**63, 2**64 - 1}
    returns = [episode.extrinsic_return for report in reports for episode in report.episodes]
    assert any(value != value for value in returns)
    assert float("inf") in returns


def test_damaged_ones_are_sometimes_good_and_sometimes_no_message_at_all():
    damaged, decoded, good = messages(), 0, 0
    for _ in range(400):
        message = damaged.damaged()
        good += message == REPORT.SerializeToString()
        try:
            control_pb2.ReportRequest.FromString(message)
        except DecodeError:
            continue
        decoded += 1
    assert 40 < good < decoded < 360


def test_every_request_of_a_service_can_be_made():
    for method in replay_pb2.DESCRIPTOR.services_by_name["ReplayService"].methods:
        hostile = HostileMessages(method.input_type, {}, [replay_pb2.StatsRequest()], random.Random(0))
        assert all(isinstance(hostile.any(), bytes) for _ in range(20))
