"""What a shard may be told: messages whose sizes, ranges and numbers it can keep. Each raises InvalidRequestError."""

import numpy as np
from numpy.typing import NDArray

from protos import replay_pb2 as pb
from replay_service.arena import Slice
from townlet.append_call import AppendMessage
from townlet.errors import InvalidRequestError
from townlet.member_name import check_member_name
from townlet.rpc import SAMPLE_LIMIT_BYTES

BYTES_PER_WINDOW = 24
"""Of an answer, beside its data: key, probability, and what is real of the window."""
POSITION_BYTES = 8
"""That each record of a window takes while it is gathered."""
MOST_STRIDE_BYTES = SAMPLE_LIMIT_BYTES // 2
"""The shortest episode, two records, fits in a message."""
MOST_SAMPLES = 1e12
"""For each insert, and of tolerance: the limiter's books stay finite."""
MOST_VERSIONS = 2**53


def check_producer(request: pb.OpenProducerRequest) -> None:
    """Names that are names, and records of which the shortest episode fits in a message."""
    check_member_name("OpenProducer: actor", request.actor)
    check_member_name("OpenProducer: digest of the layout", request.layout.digest)
    if not 1 <= request.layout.stride <= MOST_STRIDE_BYTES:
        raise InvalidRequestError(
            f"OpenProducer: expected a stride of 1 to {MOST_STRIDE_BYTES} bytes, found {request.layout.stride}"
        )


def check_episodes(request: AppendMessage, stride: int, capacity: int) -> None:
    """Episodes in order, of whole records of `stride` bytes, none of more than `capacity` records."""
    actor = request.rest.actor
    if not request.episodes:
        raise InvalidRequestError(f"append by {actor}: expected at least one episode, found none")
    first = request.episodes[0].sequence
    for offset, episode in enumerate(request.episodes):
        what = f"append by {actor}, episode {episode.sequence}"
        if episode.sequence != first + offset:
            raise InvalidRequestError(f"{what}: expected sequence number {first + offset}")
        count, rest = divmod(len(episode.records), stride)
        if rest or count < 2:
            raise InvalidRequestError(
                f"{what}: expected at least 2 whole records of {stride} bytes, found {len(episode.records)} bytes"
            )
        if count > capacity:
            raise InvalidRequestError(f"{what}: expected at most {capacity} records, all that fit, found {count}")


def slices_of(request: pb.SampleRequest, stride: int, capacity: int) -> list[Slice]:
    """What a request wants of each window: inside it, inside a record, and all of it fits in a message."""
    window = request.window.before + request.window.after
    size = 0
    for part in request.slices:
        if part.first + part.steps > window or part.offset + part.size > stride or not part.size or not part.steps:
            raise InvalidRequestError(
                f"sample: expected slices inside windows of {window} records of {stride} bytes, found "
                f"records [{part.first}, {part.first + part.steps}), "
                f"bytes [{part.offset}, {part.offset + part.size})"
            )
        size += request.windows * part.steps * part.size
    size = max(size, request.windows * max(BYTES_PER_WINDOW, POSITION_BYTES * window))
    if request.windows and (not request.window.after or window > capacity or size > SAMPLE_LIMIT_BYTES):
        raise InvalidRequestError(
            f"sample: expected windows of 1 to {capacity} records and at most {SAMPLE_LIMIT_BYTES} "
            f"bytes in all, found {request.windows} windows of {window} records and {size} bytes"
        )
    return [Slice(part.first, part.steps, part.offset, part.size) for part in request.slices]


def decode_priorities(update: pb.PriorityUpdate) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The items' keys and their priorities, [N]: finite, and not negative."""
    if len(update.keys) % 8 or len(update.keys) != 2 * len(update.priorities):
        raise InvalidRequestError(
            f"priorities: expected 8 bytes of keys for every 4 of priorities, found {len(update.keys)} and "
            f"{len(update.priorities)}"
        )
    priorities = np.frombuffer(update.priorities, "<f4")
    if not (np.isfinite(priorities) & (priorities >= 0.0)).all():
        raise InvalidRequestError("priorities: expected finite numbers of at least 0, found others")
    return np.frombuffer(update.keys, "<u8").astype(np.int64), priorities


def check_limiter(request: pb.SetLimiterRequest) -> None:
    """A ratio, if there is one, and a tolerance with which the limiter's books stay finite."""
    ratio = request.samples_per_insert if request.HasField("samples_per_insert") else None
    if not 0.0 < request.tolerance <= MOST_SAMPLES or (ratio is not None and not 0.0 < ratio <= MOST_SAMPLES):
        raise InvalidRequestError(
            f"limiter: expected a positive ratio and tolerance of at most {MOST_SAMPLES:g}, found {ratio} and "
            f"{request.tolerance}"
        )


def check_version(version: int) -> None:
    """The number of a version."""
    if not 1 <= version <= MOST_VERSIONS:
        bound = "at least 1" if version < 1 else f"at most {MOST_VERSIONS}"
        raise InvalidRequestError(f"version: expected {bound}, found {version}")
