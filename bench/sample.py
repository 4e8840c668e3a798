"""Claim: one client samples at least 600,000 transitions/s of L1 records, in batches of 256, through gRPC.

Beside it, in the same run: gRPC alone with answers of the same size, and the gather from memory alone.
"""

import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.dropping_server import sending_server
from bench.rounds import Case, Ratio, calls_per_s, compare, options
from bench.services import EPISODE_STEPS, fill, make_episode, replay_service
from learner.build import build_assembly, build_sample_client
from replay_service.arena import Arena, Slice
from replay_service.rate_limiter import RateLimiter
from replay_service.sampler.uniform import UniformSampler
from replay_service.table import Table
from townlet.arithmetic import calculate
from townlet.records import RecordLayout
from townlet.rpc import open_channel
from townlet.sample_call import sample_method
from townlet.worlds.build import world_spec

CONFIG = Path("configs/L1_full.yaml")
BATCH = 256
CAPACITY = 500_000
IN_FLIGHT = 2
OVERRIDES = (
    "replay.samples_per_insert=null",
    f"replay.capacity={CAPACITY}",
    f"learner.batch_size={BATCH}",
    "learner.batches_per_request=8",
)


def main() -> None:
    """Measure and print."""
    chosen = options(__doc__, steps=400_000)
    calculate(threads=1)
    stop = threading.Event()
    with replay_service(CONFIG, *OVERRIDES) as config, sending_server() as send:
        fill(config, chosen.steps)
        spec = world_spec(config)
        layout = RecordLayout.of(spec)
        generator = np.random.default_rng(1)
        assembly = build_assembly(config, layout, spec, torch.device("cpu"), generator)
        client = build_sample_client(config, assembly, generator, stop)
        request = client.request
        windows, size = request.windows, request.windows * sum(part.steps * part.size for part in request.slices)
        slices = [Slice(part.first, part.steps, part.offset, part.size) for part in request.slices]
        channel = open_channel(config.replay.addresses[0], config.security.tls)
        sample = sample_method(channel)
        table = in_memory(layout, chosen.steps)

        def pipelined(start: Callable[[], Any]) -> float:
            waiting = deque(start() for _ in range(IN_FLIGHT))

            def turn() -> None:
                waiting.append(start())
                waiting.popleft().result()

            return calls_per_s(turn, chosen.seconds, lambda: [answer.result() for answer in waiting])

        def gather() -> object:
            return table.sample(windows, 0, request.window.after, slices)

        cases = [
            Case(
                "sample, as batches of tensors",
                "transitions/s",
                lambda: BATCH * calls_per_s(client.next, chosen.seconds),
            ),
            Case(
                "sample, as bytes",
                "transitions/s",
                lambda: windows * pipelined(lambda: sample.future(request, 10)),
            ),
            Case(
                "gRPC alone, same bytes", "transitions/s", lambda: windows * pipelined(lambda: send(_eight_bytes(size)))
            ),
            Case("gather alone, no service", "transitions/s", lambda: windows * calls_per_s(gather, chosen.seconds)),
        ]
        ratios = [
            Ratio("batches / gRPC alone", cases[0].name, cases[2].name),
            Ratio("bytes / gRPC alone", cases[1].name, cases[2].name),
            Ratio("bytes / gather alone", cases[1].name, cases[3].name),
        ]
        with client:
            compare(f"sample: {size // windows} B a transition, {windows} a request", cases, ratios, chosen)
            stop.set()
        channel.close()


def in_memory(layout: RecordLayout, steps: int) -> Table:
    """The same replay without a service."""
    generator = np.random.Generator(np.random.Philox(1))
    limiter = RateLimiter(samples_per_insert=None, min_size=1, tolerance=1.0)
    table = Table(Arena(CAPACITY, layout.stride), UniformSampler(CAPACITY), limiter, generator)
    episodes = [make_episode(layout, seed) for seed in range(16)]
    for at in range(steps // EPISODE_STEPS):
        table.insert(at, episodes[at % len(episodes)])
    return table


def _eight_bytes(number: int) -> bytes:
    return number.to_bytes(8, "little")


if __name__ == "__main__":
    main()
