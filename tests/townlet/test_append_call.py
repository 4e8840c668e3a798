"""Episodes that travel by our own hands are those that protobuf writes and reads."""

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from protos import replay_pb2 as pb
from townlet.append_call import AppendMessage, Episode

RESTS = st.builds(
    pb.AppendRequest,
    run=st.text(max_size=5),
    actor=st.text(max_size=5),
    epoch=st.integers(0, 2**64 - 1),
    round=st.integers(0, 300),
    leaves=st.booleans(),
)
EPISODES = st.lists(st.builds(Episode, st.integers(0, 2**64 - 1), st.binary(max_size=40_000)), max_size=4)


@given(RESTS, EPISODES)
def test_what_we_write_protobuf_reads_and_what_it_writes_we_read(rest, episodes):
    message = AppendMessage(rest, episodes)
    known = pb.AppendRequest.FromString(message.serialised())
    assert [(each.sequence, each.records) for each in known.episodes] == [
        (each.sequence, each.records) for each in episodes
    ]
    assert AppendMessage.read(known.SerializeToString()) == message
    del known.episodes[:]
    assert known == rest


def test_records_are_where_they_were_received():
    message = AppendMessage(pb.AppendRequest(run="r"), [Episode(1, b"a" * 300), Episode(2, b"b")]).serialised()
    assert all(episode.records.obj is message for episode in AppendMessage.read(message).episodes)


def test_a_message_that_is_cut_off_is_refused_or_has_lost_whole_fields():
    request = pb.AppendRequest(run="r", episodes=[pb.Episode(sequence=300, records=b"w" * 200)], wait_ms=1000)
    whole, without = request.SerializeToString(), 0
    for length in range(len(whole)):
        try:
            protobuf = pb.AppendRequest.FromString(whole[:length])
        except DecodeError:
            with pytest.raises(DecodeError):
                AppendMessage.read(whole[:length])
        else:
            without += 1
            ours = AppendMessage.read(whole[:length])
            assert [(each.sequence, each.records) for each in ours.episodes] == [
                (each.sequence, each.records) for each in protobuf.episodes
            ]
    assert without > 1
