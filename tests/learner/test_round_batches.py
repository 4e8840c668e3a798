"""Batches are drawn ahead, and yet every repetition of a round makes the same calls."""

import numpy as np
import torch
from counting_world import SPEC

from learner.assembly import Assembly
from learner.batch import TransitionWindows
from learner.round_batches import RoundBatches
from learner.shards import Drawn
from protos import replay_pb2
from townlet.records import RecordLayout
from townlet.sample_call import Sampled


class ScriptedShards:
    """One shard that notes what is asked of it, and when answers are taken."""

    def __init__(self, inserted_steps: int, size: int) -> None:
        self.items = [100]
        self.inserted_steps = inserted_steps
        self.calls: list[str] = []
        self._size = size
        self._drawn = 0

    def draw(self, request):
        first, windows = self._drawn, request.windows
        self._drawn += windows
        self.calls.append(f"ask {windows}")

        def drawn():
            self.calls.append(f"take {windows}")
            response = replay_pb2.SampleResponse(
                windows=windows,
                keys=np.arange(first, first + windows, dtype="<u8").tobytes(),
                probabilities=np.full(windows, 0.01).tobytes(),
                real_after=np.full(windows, 2, "<u4").tobytes(),
                data=bytes(windows * self._size),
            )
            return [Drawn(0, 1.0, Sampled.of(response))]

        return drawn

    def update_priorities(self, source, priorities):
        self.calls.append(f"priorities of {source.keys[0]}")

    def flush(self, request):
        self.calls.append("flush")


def live(inserted_steps: int, prioritized: bool = True, updates: int = 5) -> tuple[list[int], list[str]]:
    """The first key of each batch of a round, and the calls."""
    windows = TransitionWindows(
        RecordLayout.of(SPEC), n_step=1, gamma=0.9, reward_scale=1.0, truncation_bootstraps=True
    )
    shards = ScriptedShards(inserted_steps, sum(part.steps * part.size for part in windows.request(1).slices))
    batches = RoundBatches(
        shards,
        Assembly(windows, 4, 0.4, torch.device("cpu"), np.random.default_rng(1)),
        run="test",
        batches_per_request=2,
        prefetch_requests=1,
        prioritized=prioritized,
        updates_per_round=updates,
        min_size=50,
    )
    found = []
    for batch in batches.of_round():
        found.append(int(batch.source.keys[0]))
        shards.calls.append(f"update {found[-1]}")
        batches.return_priorities(batch, torch.zeros(4))
    return found, shards.calls


def test_a_round_has_a_batch_for_each_update_and_ends_with_all_priorities_applied():
    found, calls = live(50)
    assert found == [0, 4, 8, 12, 16]
    assert calls == [
        *("ask 8", "ask 8", "take 8", "update 0", "priorities of 0", "update 4", "priorities of 4"),
        *("ask 4", "take 8", "update 8", "priorities of 8", "update 12", "priorities of 12"),
        *("take 4", "update 16", "priorities of 16", "flush"),
    ]


def test_uniform_sampling_returns_no_priorities():
    assert not [call for call in live(50, prioritized=False)[1] if call.startswith("priorities")]


def test_there_is_nothing_to_learn_from_before_enough_has_been_inserted():
    assert live(49) == ([], ["flush"])
