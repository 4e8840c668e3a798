"""Claim: a learner of R2D2 sequences waits for a batch less than a tenth of the time that its update takes.

The published values: 64 sequences of 40 steps of burn-in and 80 unrolled ones, prioritized, with the priorities of the
batch before sent along. Nothing is drawn ahead here: one request, from sending it to the tensors of the batch, is the
most that a learner can wait, and far more than one whose batches are prefetched does.
"""

from contextlib import closing
from pathlib import Path

import numpy as np
import torch

from bench.rounds import Case, Ratio, compare, ms_per_call, options
from bench.services import fill, replay_service
from learner.batch import Source
from learner.build import build_loss, build_windows
from learner.sequences import SequenceBatch, SequenceWindows
from learner.shards import Shards
from learner.update import QLearning
from townlet.arithmetic import calculate
from townlet.config import Config
from townlet.networks.build import build_network
from townlet.records import RecordLayout
from townlet.td import importance_weights
from townlet.worlds.build import world_spec

CONFIG = Path("bench/r2d2_sample.yaml")


class Draws:
    """One batch after the other from the one shard of a run, none of them ahead of its use."""

    def __init__(self, config: Config, shards: Shards) -> None:
        spec = world_spec(config)
        windows = build_windows(config, RecordLayout.of(spec, config.memory), spec)
        assert isinstance(windows, SequenceWindows), windows
        self._windows = windows
        self._shards = shards
        self._exponent = config.learner.importance_exponent
        self._device = torch.device(config.learner.device)
        self._request = windows.request(config.learner.batch_size)
        self._request.run = config.run.name
        self.request_bytes = self._request.windows * sum(part.steps * part.size for part in self._request.slices)

    def next(self) -> SequenceBatch:
        """Ask for a batch, wait for it, and read it."""
        drawn, *_ = self._shards.draw(self._request)()
        response = drawn.sampled.rest
        assert response.windows == self._request.windows, response.windows
        source = Source(np.frombuffer(response.keys, "<u8"), np.zeros(response.windows, np.int64))
        probabilities = torch.from_numpy(np.frombuffer(response.probabilities, "<f8").copy())
        weights = importance_weights(probabilities, sum(self._shards.items), exponent=self._exponent)
        return self._windows.batch(self._windows.read(drawn.sampled, self._device), weights.to(self._device), source)


def main() -> None:
    """Measure and print."""
    chosen = options(__doc__, steps=200_000)
    with replay_service(CONFIG) as config:
        calculate(threads=config.learner.threads)
        fill(config, chosen.steps)
        shards = Shards(config.replay.addresses, np.random.Generator(np.random.Philox(1)), config.security.tls)
        with closing(shards):
            draws = Draws(config, shards)
            learning = QLearning(build_network(config.network, world_spec(config)), config.learner, build_loss(config))
            batch = draws.next()
            priorities = learning.update(batch).priorities

            def draw() -> None:
                nonlocal batch
                shards.update_priorities(batch.source, priorities)
                batch = draws.next()

            def update() -> None:
                nonlocal priorities
                priorities = learning.update(batch).priorities

            cases = [
                Case("draw a batch", "ms", lambda: ms_per_call(draw, chosen.seconds)),
                Case("update", "ms", lambda: ms_per_call(update, chosen.seconds)),
            ]
            ratio = Ratio("draw / update", cases[0].name, cases[1].name)
            title = f"R2D2: {config.learner.batch_size} sequences, {draws.request_bytes / 2**20:.1f} MiB a batch"
            compare(title, cases, [ratio], chosen)


if __name__ == "__main__":
    main()
