"""Episodes come back out of a segment as they went in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay_service.segments import StoredEpisode, decode_segment, encode_segment
from townlet.errors import CheckpointError

EPISODES = [StoredEpisode(3, "actor-0/1/0", b"abc"), StoredEpisode(7, "äctor/2/9", b"\x00")]


@given(st.lists(st.builds(StoredEpisode, st.integers(0, 2**63 - 1), st.text(), st.binary(min_size=1)), max_size=8))
def test_every_byte_comes_back_in_order(episodes):
    found = decode_segment(encode_segment(episodes), "test")
    assert [(each.order, each.name, bytes(each.records)) for each in found] == [
        (each.order, each.name, each.records) for each in episodes
    ]


@pytest.mark.parametrize("length", [0, 4, 60, -1])
def test_what_is_no_segment_is_refused(length):
    with pytest.raises(CheckpointError, match="segments/x: expected a segment of episodes, found"):
        decode_segment(encode_segment(EPISODES)[:length], "segments/x")
