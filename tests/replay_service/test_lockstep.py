"""A shard of a run in lockstep, over the network."""

import grpc
import numpy as np
import pytest
from shard_process import LAYOUT, RUN, STRIDE, episode

from protos import replay_pb2 as pb

LOCKSTEP = ("schedule.kind=lockstep", "schedule.updates_per_round=1", "replay.sampler={kind: prioritized}")


def push(shard, epoch: int, round: int, first: int, numbers: list[int], actor: str = "actor-0") -> int:
    episodes = [pb.Episode(sequence=first + at, records=episode(number, 4)) for at, number in enumerate(numbers)]
    request = pb.AppendRequest(
        run=RUN, layout_digest=LAYOUT.digest, actor=actor, epoch=epoch, episodes=episodes, round=round
    )
    return shard.stub.Append(request, timeout=20).next_sequence


def commit(shard, round: int, *pushed: tuple[str, int, int]) -> pb.CommitRoundResponse:
    actors = [pb.Pushed(actor=actor, epoch=epoch, next_sequence=sequence) for actor, epoch, sequence in pushed]
    request = pb.CommitRoundRequest(run=RUN, round=round, pushed=actors, wait_ms=5000)
    return shard.stub.CommitRound(request, timeout=20)


def sample_request(turn: int, windows: int = 8, **fields: object) -> pb.SampleRequest:
    return pb.SampleRequest(
        run=RUN,
        layout_digest=LAYOUT.digest,
        window=pb.Window(after=1),
        slices=[pb.Slice(steps=1, size=STRIDE)],
        windows=windows,
        wait_ms=5000,
        turn=turn,
        **fields,
    )


def drawn(response: pb.SampleResponse) -> list[int]:
    rows = np.frombuffer(response.data, np.uint8).reshape(-1, STRIDE)
    return rows[:, :8].copy().view("<u4").ravel().tolist()


def test_what_a_round_brings_is_seen_when_it_is_committed_in_the_order_of_the_actors(make_shard):
    shard = make_shard(*LOCKSTEP)
    second, first = shard.open("actor-1"), shard.open("actor-0")
    assert push(shard, second, 1, 0, [7], "actor-1") == 1
    assert push(shard, first, 1, 0, [3, 4]) == 2
    assert shard.stats().episodes == 0
    committed = commit(shard, 1, ("actor-0", first, 2), ("actor-1", second, 1))
    assert (committed.committed, committed.items, committed.total_weight) == (True, 12, 12.0)
    assert commit(shard, 1) == committed  # again, after a lost answer
    priorities = pb.PriorityUpdate(  # all but the last record of the first episode
        keys=np.arange(1, 15, dtype="<u8").tobytes(), priorities=np.zeros(14, "<f4").tobytes()
    )
    found = drawn(shard.stub.Sample(sample_request(1, 32, priorities=priorities), timeout=20))
    assert found == [3, 0] * 32
    assert push(shard, first, 2, 2, [5]) == 3
    assert shard.stats().episodes == 3


def test_samples_are_served_in_their_turns_whichever_comes_first(make_shard):
    shard = make_shard(*LOCKSTEP)
    epoch = shard.open()
    push(shard, epoch, 1, 0, list(range(20)))
    commit(shard, 1, ("actor-0", epoch, 20))
    late = shard.stub.Sample.future(sample_request(2), timeout=20)
    with pytest.raises(grpc.FutureTimeoutError):
        late.result(timeout=0.3)
    first = drawn(shard.stub.Sample(sample_request(1), timeout=20))
    second = drawn(late.result(timeout=20))
    assert first != second
    with pytest.raises(grpc.RpcError, match="expected turn 3, found 2"):
        shard.stub.Sample(sample_request(2), timeout=20)


def test_a_shard_that_has_restarted_waits_for_a_version(make_shard):
    shard = make_shard(*LOCKSTEP)
    epoch = shard.open()
    push(shard, epoch, 1, 0, [1])
    commit(shard, 1, ("actor-0", epoch, 1))
    shard.kill()
    shard.start().wait_until_serving()
    for call in (
        lambda: push(shard, epoch, 2, 1, [2]),
        lambda: commit(shard, 2, ("actor-0", epoch, 1)),
        lambda: shard.stub.Sample(sample_request(1), timeout=20),
        lambda: shard.stub.CutVersion(pb.CutVersionRequest(run=RUN, version=1), timeout=20),
    ):
        with pytest.raises(grpc.RpcError, match="has to take up a version") as refused:
            call()
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE


def test_calls_of_the_other_schedule_are_refused(make_shard):
    shard = make_shard()
    epoch = shard.open()
    with pytest.raises(grpc.RpcError, match="this shard serves async, found a call in rounds"):
        push(shard, epoch, 1, 0, [1])
    with pytest.raises(grpc.RpcError, match="this shard serves async"):
        commit(shard, 1)


def test_a_shard_in_lockstep_refuses_calls_without_rounds(make_shard):
    shard = make_shard(*LOCKSTEP)
    epoch = shard.open()
    with pytest.raises(grpc.RpcError, match="this shard serves lockstep, found a call without a round or turn"):
        shard.append(epoch, 0, [episode(1, 4)])
    with pytest.raises(grpc.RpcError, match="without a round or turn"):
        shard.sample(1)
