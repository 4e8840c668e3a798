"""Sample's messages: what is written without copies is what protobuf writes, and the other way round."""

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from protos import replay_pb2 as pb
from townlet.sample_call import Sampled, SampleMessage, read_message

RESPONSES = st.builds(
    pb.SampleResponse,
    windows=st.integers(0, 2**32 - 1),
    keys=st.binary(max_size=40),
    probabilities=st.binary(max_size=40),
    real_before=st.binary(max_size=40),
    real_after=st.binary(max_size=40),
    items=st.integers(0, 2**64 - 1),
    total_weight=st.floats(allow_nan=False),
    blocked_by=st.text(max_size=200),
)
DATA = st.one_of(st.binary(max_size=300), st.sampled_from([127, 128, 16_383, 16_384, 70_000]).map(bytes))


@given(RESPONSES, DATA)
def test_what_is_written_is_the_message_that_protobuf_would_read(rest, data):
    message = SampleMessage(len(data))
    message.data[:] = np.frombuffer(data, np.uint8)
    written = message.finish(rest)
    rest.data = data
    assert pb.SampleResponse.FromString(written) == rest


@given(RESPONSES, DATA)
def test_what_protobuf_writes_is_read(response, data):
    rest = pb.SampleResponse()
    rest.CopyFrom(response)
    response.data = data
    read = read_message(response.SerializeToString())
    assert read.rest == rest
    assert read.data == data
    assert Sampled.of(response).data == data


def test_fields_that_are_not_known_are_passed_over():
    unknown = b"".join((b"\xc0\x3e\x96\x01", b"\xc1\x3e" + bytes(8), b"\xc2\x3e\x03abc", b"\xc5\x3e" + bytes(4)))
    known = pb.SampleResponse(windows=3, data=b"records").SerializeToString()
    read = read_message(unknown + known + unknown)
    assert (read.rest.windows, bytes(read.data)) == (3, b"records")


def test_a_message_that_is_cut_off_is_refused_wherever_it_ends():
    whole = pb.SampleResponse(windows=300, keys=b"k" * 8, data=b"d" * 200, total_weight=2.0).SerializeToString()
    ends = 0
    for length in range(len(whole)):
        try:
            read_message(whole[:length])
            ends += 1
        except DecodeError:
            continue
    assert ends == 4  # between two fields: nobody can see that there was more


@pytest.mark.parametrize("message", [b"\x33", b"\x34", b"\x80" * 11, b"\x32\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"])
def test_what_is_no_message_is_refused(message):
    with pytest.raises(DecodeError):
        read_message(message)


def test_nobody_keeps_the_data_of_a_message_that_is_finished():
    """Else what it wrote later would change a message that may be on its way."""
    message = SampleMessage(8)
    kept = message.data[:4]
    with pytest.raises(BufferError):
        message.finish(pb.SampleResponse(windows=1))
    assert len(kept) == 4
