"""Batches are filled from whatever the shards answer, and nothing that was drawn is lost."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from counting_world import SPEC

from learner.assembly import Assembly
from learner.batch import TransitionWindows
from learner.sample_client import SampleClient
from learner.shards import Drawn
from protos import replay_pb2
from townlet.errors import ConfigError
from townlet.records import RecordLayout
from townlet.rpc import SAMPLE_LIMIT_BYTES
from townlet.sample_call import Sampled
from townlet.specs import EnvironmentSpec, FieldSpec


def windows(spec: EnvironmentSpec = SPEC) -> TransitionWindows:
    layout = RecordLayout.of(spec)
    return TransitionWindows(layout, n_step=1, gamma=0.9, reward_scale=1.0, truncation_bootstraps=True)


def make_client(asking: TransitionWindows, draw, batch_size: int, batches: int, stop: threading.Event) -> SampleClient:
    return SampleClient(
        SimpleNamespace(draw=draw, items=[100], close=lambda: None),
        Assembly(asking, batch_size, 0.4, torch.device("cpu"), np.random.default_rng(1)),
        run="test",
        batches_per_request=batches,
        prefetch_requests=2,
        prioritized=False,
        stop=stop,
    )


def test_windows_that_do_not_fill_a_batch_go_into_the_next_one():
    asking, stop, drawn = windows(), threading.Event(), 0
    size = sum(part.steps * part.size for part in asking.request(1).slices)

    def draw(request):
        nonlocal drawn
        keys = np.arange(drawn, drawn + 5, dtype="<u8")
        drawn += 5
        response = replay_pb2.SampleResponse(
            windows=5,
            keys=keys.tobytes(),
            probabilities=np.full(5, 0.01).tobytes(),
            real_after=np.full(5, 2, "<u4").tobytes(),
            data=bytes(5 * size),
        )
        return lambda: [Drawn(0, 1.0, Sampled.of(response))]

    with make_client(asking, draw, 4, 1, stop) as client:
        found = [client.next() for _ in range(6)]
        stop.set()
    assert [batch.source.keys.tolist() for batch in found] == [list(range(at, at + 4)) for at in range(0, 24, 4)]
    assert all(len(batch.action) == 4 for batch in found)


def test_a_request_asks_for_whole_batches_as_far_as_they_fit_in_a_message():
    pixels = EnvironmentSpec((FieldSpec("image", "uint8", (SAMPLE_LIMIT_BYTES // 32,)),), 3, 100)
    asking, stop = windows(pixels), threading.Event()
    assert make_client(asking, None, 4, 8, stop).request.windows == 12  # two images each: 15 fit
    assert make_client(asking, None, 20, 8, stop).request.windows == 15
    assert make_client(windows(), None, 20, 8, stop).request.windows == 160


def test_a_window_that_fits_in_no_message_is_refused():
    vast = EnvironmentSpec((FieldSpec("image", "uint8", (SAMPLE_LIMIT_BYTES,)),), 3, 100)
    with pytest.raises(ConfigError, match=r"expected windows of at most \d+ bytes, found \d+"):
        make_client(windows(vast), None, 1, 1, threading.Event())
