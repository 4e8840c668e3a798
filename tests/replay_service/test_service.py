"""One shard over a real socket, in front of a real server."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from shard_process import LAYOUT, RUN, STRIDE, episode

from protos import replay_pb2 as pb


def refused(call, *arguments, **options) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, **options)
    return caught.value.code(), caught.value.details()


@pytest.fixture
def shard(make_shard):
    return make_shard()


def test_what_is_appended_is_sampled(shard):
    epoch = shard.open()
    shard.append(epoch, 0, [episode(n, 3) for n in range(5)])
    response = shard.sample(200)
    records = np.frombuffer(response.data, np.uint8).reshape(200, STRIDE)
    seen = {(int(row[0]), int(row[4])) for row in records}
    assert seen == {(n, step) for n in range(5) for step in range(3)}
    assert response.items == 15
    np.testing.assert_allclose(np.frombuffer(response.probabilities, "<f8"), 1 / 15)


def test_an_append_that_is_repeated_reordered_or_doubled_is_stored_once(shard):
    epoch = shard.open()
    episodes = [episode(n, 2) for n in range(6)]
    assert shard.append(epoch, 0, episodes[:3]).next_sequence == 3
    assert shard.append(epoch, 0, episodes[:3]).next_sequence == 3  # repeated
    assert shard.append(epoch, 2, episodes[2:5]).next_sequence == 5  # overlapping
    assert refused(shard.append, epoch, 6, episodes[5:])[0] is grpc.StatusCode.OUT_OF_RANGE  # out of order
    threads = [threading.Thread(target=shard.append, args=(epoch, 5, episodes[5:])) for _ in range(4)]  # doubled
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stats = shard.stats()
    assert (stats.episodes, stats.items, stats.inserted_steps, stats.appended_episodes) == (6, 12, 12, 6)
    assert shard.held() == set(range(6))


def test_several_appends_of_one_actor_on_their_way_are_stored_in_order(make_shard):
    """Also while the limiter holds them back, so that they stand in line together, and whichever comes first."""
    shard = make_shard("replay.samples_per_insert=1.0", "replay.samples_per_insert_tolerance=600")
    epoch = shard.open()
    shard.append(epoch, 0, [episode(n, 100) for n in range(6)])
    with ThreadPoolExecutor(4) as pool:
        waiting = []
        for first in (12, 6, 9, 15):
            more = [episode(n, 100) for n in range(first, first + 3)]
            waiting.append(pool.submit(shard.append, epoch, first, more, wait_ms=20_000))
            time.sleep(0.05)
        for _ in range(12):
            shard.sample(100, wait_ms=5_000)
        answers = [each.result() for each in waiting]
    assert [(answer.next_sequence, answer.blocked_by) for answer in answers] == [(15, ""), (9, ""), (12, ""), (18, "")]
    assert shard.held() == set(range(18))


def test_a_zombie_cannot_write(shard):
    old, new = shard.open(), shard.open()
    assert new > old
    code, details = refused(shard.append, old, 0, [episode(0, 2)])
    assert code is grpc.StatusCode.ABORTED
    assert f"expected its newest epoch {new}, found {old}" in details
    assert shard.append(new, 0, [episode(0, 2)]).next_sequence == 1


def test_another_run_or_layout_is_refused_and_named(shard):
    epoch = shard.open()
    code, details = refused(shard.stub.Append, pb.AppendRequest(run="other"), timeout=5)
    assert (code, details) == (grpc.StatusCode.FAILED_PRECONDITION, f"run: this shard serves '{RUN}', found 'other'")
    foreign = pb.OpenProducerRequest(run=RUN, actor="a", layout=pb.Layout(stride=STRIDE, digest="foreign"))
    code, details = refused(shard.stub.OpenProducer, foreign, timeout=5)
    assert code is grpc.StatusCode.FAILED_PRECONDITION
    assert details == "record layout: this shard holds test-layout, found foreign"
    request = pb.AppendRequest(
        run=RUN, layout_digest="foreign", actor="actor-0", epoch=epoch, episodes=[pb.Episode(records=episode(0, 2))]
    )
    assert refused(shard.stub.Append, request, timeout=5)[0] is grpc.StatusCode.FAILED_PRECONDITION
    assert shard.stats().episodes == 0


@pytest.mark.parametrize(
    ("records", "words"),
    [
        (b"x" * (STRIDE * 3 + 1), "whole records of 16 bytes, found 49 bytes"),
        (b"x" * STRIDE, "at least 2 whole records"),
        (b"", "at least 2 whole records"),
    ],
)
def test_malformed_episodes_are_refused_and_nothing_of_the_append_is_stored(shard, records, words):
    epoch = shard.open()
    code, details = refused(shard.append, epoch, 0, [episode(0, 2), records])
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert words in details
    assert shard.stats().episodes == 0
    assert shard.append(epoch, 0, [episode(0, 2)]).next_sequence == 1


def test_an_episode_that_could_never_fit_is_refused(make_shard):
    shard = make_shard("replay.capacity=2000")
    code, details = refused(shard.append, shard.open(), 0, [episode(0, 2000)])
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "at most 2000 records" in details


def test_an_oversized_message_is_refused_and_the_service_lives_on(shard):
    epoch = shard.open()
    huge = b"x" * (STRIDE * (5 * 2**20))
    code, _ = refused(shard.append, epoch, 0, [huge])
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert shard.append(epoch, 0, [episode(0, 2)]).next_sequence == 1


@pytest.mark.parametrize(
    "part",
    [
        pb.Slice(first=0, steps=2, offset=0, size=4),
        pb.Slice(first=0, steps=1, offset=14, size=4),
        pb.Slice(first=0, steps=0, offset=0, size=4),
        pb.Slice(first=0, steps=1, offset=0, size=0),
    ],
)
def test_slices_outside_the_window_or_the_record_are_refused(shard, part):
    shard.append(shard.open(), 0, [episode(0, 2)])
    request = pb.SampleRequest(
        run=RUN, layout_digest=LAYOUT.digest, window=pb.Window(after=1), slices=[part], windows=1
    )
    assert refused(shard.stub.Sample, request, timeout=5)[0] is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("keys", "priorities"),
    [(b"x" * 8, b""), (b"x" * 7, b"x" * 4), (b"\0" * 8, np.array([np.nan], "<f4").tobytes())],
)
def test_malformed_priorities_are_refused(shard, keys, priorities):
    shard.append(shard.open(), 0, [episode(0, 2)])
    update = pb.PriorityUpdate(keys=keys, priorities=priorities)
    code, _ = refused(shard.sample, 1, priorities=update)
    assert code is grpc.StatusCode.INVALID_ARGUMENT


def test_priorities_travel_with_a_request_and_steer_its_draws(make_shard):
    shard = make_shard("replay.sampler={kind: prioritized, exponent: 1.0}")
    shard.append(shard.open(), 0, [episode(n, 1) for n in range(4)])
    response = shard.sample(1)
    chosen = int(np.frombuffer(response.data, "<u4")[0])
    update = pb.PriorityUpdate(keys=response.keys, priorities=np.array([1e6], "<f4").tobytes())
    drawn = np.frombuffer(shard.sample(50, priorities=update).data, np.uint8).reshape(50, STRIDE)[:, 0]
    assert (drawn == chosen).mean() > 0.9


def test_samples_wait_for_min_size_and_say_so(make_shard):
    shard = make_shard("replay.min_size_to_sample=10")
    assert shard.sample(1, wait_ms=10).blocked_by == "samples wait for inserts: no actor has come yet"
    epoch = shard.open()
    shard.append(epoch, 0, [episode(0, 4)])
    assert shard.sample(1, wait_ms=10).blocked_by == "samples wait for inserts: 4 of the first 10 steps are there"
    waiting = threading.Thread(target=shard.append, args=(epoch, 1, [episode(1, 6)]))
    waiting.start()
    assert shard.sample(1, wait_ms=5000).windows == 1  # let through by the append
    waiting.join()
    assert shard.stats().sample_wait_s > 0.0


def test_inserts_wait_for_samples_and_nothing_of_a_blocked_append_is_stored(make_shard):
    shard = make_shard("replay.samples_per_insert=1.0", "replay.samples_per_insert_tolerance=600")
    epoch = shard.open()
    shard.append(epoch, 0, [episode(0, 500)])
    blocked = shard.append(epoch, 1, [episode(1, 300)], wait_ms=10)
    assert blocked.blocked_by == "inserts wait for samples: 499 samples ahead, at most 600 allowed"
    assert blocked.next_sequence == 1
    assert shard.stats().episodes == 1
    shard.sample(300)
    assert shard.append(epoch, 1, [episode(1, 300)], wait_ms=10).next_sequence == 2


def test_a_request_too_big_for_the_limiter_is_let_in_bit_by_bit_and_stalls_nobody(make_shard):
    shard = make_shard("replay.samples_per_insert=1.0", "replay.samples_per_insert_tolerance=600")
    epoch = shard.open()
    pent_up = [episode(number, 500) for number in range(4)]  # as after an outage: far more than the tolerance
    first = shard.append(epoch, 0, pent_up, wait_ms=10)
    assert first.next_sequence == 1
    assert first.blocked_by
    rest = threading.Thread(target=shard.append, args=(epoch, 1, pent_up[1:]), kwargs={"wait_ms": 20_000})
    rest.start()
    for _ in range(3):
        assert shard.sample(500, wait_ms=20_000).windows == 500
    rest.join()
    assert shard.stats().episodes == 4


def test_an_actor_that_leaves_waits_neither_for_the_limiter_nor_behind_those_who_do(make_shard):
    shard = make_shard("replay.samples_per_insert=1.0", "replay.samples_per_insert_tolerance=600")
    epoch, leaving = shard.open(), shard.open("actor-1")
    shard.append(epoch, 0, [episode(0, 500)])
    first_in_line = threading.Thread(target=shard.append, args=(epoch, 1, [episode(1, 300)]), kwargs={"wait_ms": 8_000})
    first_in_line.start()
    while not shard.stats().waiting_appends:
        time.sleep(0.01)
    last = [episode(number, 300) for number in (2, 3)]
    answer = shard.append(leaving, 0, last, actor="actor-1", leaves=True)
    assert (answer.next_sequence, answer.blocked_by) == (2, "")
    assert shard.stats().waiting_appends == 1
    assert shard.stats().episodes == 3
    shard.sample(900)
    first_in_line.join()
    assert shard.stats().episodes == 4


def test_nobody_can_ask_for_more_than_a_shard_has_room_for(shard):
    epoch = shard.open()
    shard.append(epoch, 0, [episode(n, 3) for n in range(5)])
    window, whole = pb.Window(after=1), [pb.Slice(steps=1, size=STRIDE)]
    layout, endless = pb.Layout(stride=2**32 - 1, digest="other"), float("inf")
    run = {"run": RUN}
    sample = {**run, "layout_digest": LAYOUT.digest}
    hostile = [
        (shard.stub.Sample, pb.SampleRequest(**sample, window=window, windows=2**32 - 1)),  # no bytes of data at all
        (shard.stub.Sample, pb.SampleRequest(**sample, window=window, windows=2**32 - 1, slices=whole)),
        (shard.stub.Sample, pb.SampleRequest(**sample, window=pb.Window(after=400_000), windows=100_000)),
        (shard.stub.OpenProducer, pb.OpenProducerRequest(**run, layout=LAYOUT, actor="x" * 2**20)),
        (shard.stub.OpenProducer, pb.OpenProducerRequest(**run, layout=LAYOUT, actor="a\0b")),
        (shard.stub.OpenProducer, pb.OpenProducerRequest(**run, layout=layout, actor="actor-0")),
        (shard.stub.SetLimiter, pb.SetLimiterRequest(**run, tolerance=endless)),
        (shard.stub.SetLimiter, pb.SetLimiterRequest(**run, tolerance=1.0, samples_per_insert=endless)),
        (shard.stub.CutVersion, pb.CutVersionRequest(**run, version=2**64 - 1)),
    ]
    for method, request in hostile:
        assert refused(method, request, timeout=20)[0] is grpc.StatusCode.INVALID_ARGUMENT, request
    assert shard.sample(20).windows == 20


def test_health_and_reflection_answer(shard):
    health = health_pb2_grpc.HealthStub(shard.channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
    assert health.status == health_pb2.HealthCheckResponse.SERVING
    services = ProtoReflectionDescriptorDatabase(shard.channel).get_services()
    assert "townlet.v1.ReplayService" in services


def test_it_stops_cleanly_on_sigterm(shard):
    began = time.monotonic()
    assert shard.stop() == 0
    assert time.monotonic() - began < 10


def test_another_ratio_of_samples_to_inserts_is_held_at_once(make_shard):
    shard = make_shard("replay.samples_per_insert=1.0", "replay.samples_per_insert_tolerance=600")
    epoch = shard.open()
    shard.append(epoch, 0, [episode(n, 100) for n in range(6)])
    assert shard.append(epoch, 6, [episode(6, 100)]).blocked_by.startswith("inserts wait for samples")
    assert shard.stats().samples_per_insert == 1.0
    shard.stub.SetLimiter(pb.SetLimiterRequest(run=RUN, tolerance=600.0), timeout=20)
    assert not shard.append(epoch, 6, [episode(6, 100)]).blocked_by
    assert not shard.stats().HasField("samples_per_insert")
    shard.stub.SetLimiter(pb.SetLimiterRequest(run=RUN, samples_per_insert=0.5, tolerance=600.0), timeout=20)
    assert shard.stats().samples_per_insert == 0.5
    for ratio, tolerance in ((0.0, 1.0), (-1.0, 1.0), (1.0, 0.0), (float("nan"), 1.0)):
        request = pb.SetLimiterRequest(run=RUN, samples_per_insert=ratio, tolerance=tolerance)
        code, details = refused(shard.stub.SetLimiter, request, timeout=20)
        assert (code, "expected a positive ratio and tolerance" in details) == (grpc.StatusCode.INVALID_ARGUMENT, True)
    assert shard.stats().samples_per_insert == 0.5
