"""A policy that is read where it was received is the one that protobuf reads."""

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from protos import policy_pb2 as pb
from townlet.subscribe_call import ReceivedPolicy, read_response

POLICIES = st.builds(
    pb.Policy,
    version=st.integers(0, 2**64 - 1),
    updates=st.integers(0, 2**64 - 1),
    exploration=st.builds(pb.Exploration, epsilon=st.floats(0, 1)),
    run_episodes=st.integers(0, 2**64 - 1),
    curiosity=st.binary(max_size=200),
)


@given(POLICIES, st.binary(max_size=70_000))
def test_what_protobuf_writes_is_read(policy, weights):
    rest = pb.Policy()
    rest.CopyFrom(policy)
    policy.weights = weights
    read = read_response(pb.SubscribeResponse(policy=policy).SerializeToString())
    assert (read.rest, read.weights, read.version) == (rest, weights, policy.version)
    assert ReceivedPolicy.of(policy).weights == weights


def test_a_policy_that_is_cut_off_is_refused():
    whole = pb.SubscribeResponse(policy=pb.Policy(version=300, weights=b"w" * 200)).SerializeToString()
    for length in range(1, len(whole)):
        with pytest.raises(DecodeError):
            read_response(whole[:length])
