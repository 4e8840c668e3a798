"""Claim: one client samples at least 600,000 transitions/s of L1 records, in batches of 256, through gRPC.

Beside it, in the same run: gRPC alone with answers of the same size, and the gather from memory alone.
"""

import threading
import time
from collections import deque
from pathlib import Path

import numpy as np
import torch

from bench.dropping_server import sending_server
from bench.rounds import Case, Ratio, arguments, compare
from bench.services import fill, make_episode, replay_service
from learner.compose import sample_client
from protos import replay_pb2_grpc
from replay_service.arena import Arena, Slice
from replay_service.rate_limiter import RateLimiter
from replay_service.sampler.uniform import UniformSampler
from replay_service.table import Table
from townlet.records import RecordLayout
from townlet.rpc import open_channel
from townlet.worlds.build import world_spec

CONFIG = Path("configs/L1_full.yaml")
BATCH = 256
STEPS = 400_000
IN_FLIGHT = 2


def main() -> None:
    """Measure and print."""
    options = arguments(__doc__)
    torch.set_num_threads(1)
    overrides = (
        "replay.samples_per_insert=null",
        "replay.capacity=500000",
        f"learner.batch_size={BATCH}",
        "learner.batches_per_request=8",
    )
    with replay_service(CONFIG, *overrides) as config, sending_server() as send:
        fill(config, STEPS)
        spec = world_spec(config)
        layout = RecordLayout.of(spec)
        stop = threading.Event()
        client = sample_client(config, layout, spec, torch.device("cpu"), stop)
        request = client.request
        size = request.windows * sum(part.steps * part.size for part in request.slices)
        channel = open_channel(config.replay.addresses[0])
        stub = replay_pb2_grpc.ReplayServiceStub(channel)
        table = in_memory(layout)
        slices = [Slice(part.first, part.steps, part.offset, part.size) for part in request.slices]

        def batches() -> float:
            return rate(lambda: client.next(), BATCH)

        def responses() -> float:
            return pipelined(lambda: stub.Sample.future(request, timeout=10))

        def grpc_alone() -> float:
            return pipelined(lambda: send(size.to_bytes(8, "little")))

        def gather() -> float:
            return rate(lambda: table.sample(request.windows, 0, request.window.after, slices), request.windows)

        def rate(work, windows: int) -> float:
            began, done = time.perf_counter(), 0
            while time.perf_counter() - began < options.seconds:
                work()
                done += windows
            return done / (time.perf_counter() - began)

        def pipelined(call) -> float:
            waiting = deque(call() for _ in range(IN_FLIGHT))

            def turn() -> None:
                waiting.append(call())
                waiting.popleft().result()

            found = rate(turn, request.windows)
            for answer in waiting:
                answer.result()
            return found

        cases = [
            Case("sample, as batches of tensors", "transitions/s", batches),
            Case("sample, as bytes", "transitions/s", responses),
            Case("gRPC alone, same bytes", "transitions/s", grpc_alone),
            Case("gather alone, no service", "transitions/s", gather),
        ]
        ratios = [
            Ratio("batches / gRPC alone", cases[0].name, cases[2].name),
            Ratio("bytes / gRPC alone", cases[1].name, cases[2].name),
            Ratio("bytes / gather alone", cases[1].name, cases[3].name),
        ]
        with client:
            title = f"sample, {size / request.windows:.0f} B a transition, {request.windows} a request"
            compare(title, cases, ratios, options.rounds, options.json)
            stop.set()
        channel.close()


def in_memory(layout: RecordLayout) -> Table:
    """The same replay without a service."""
    capacity = 500_000
    generator = np.random.Generator(np.random.Philox(1))
    table = Table(Arena(capacity, layout.stride), UniformSampler(capacity), RateLimiter(None, 1, 1.0), generator)
    episodes = [make_episode(layout, seed) for seed in range(16)]
    for at in range(STEPS // 500):
        table.insert(at, episodes[at % len(episodes)])
    return table


if __name__ == "__main__":
    main()
