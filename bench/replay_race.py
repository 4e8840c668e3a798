"""Claim: the replay service serves and takes more than Reverb does, although it acknowledges only what is durable.

Four kinds of items: transitions, sequences of 8, sequences of R2D2 (120 steps and a recurrent state, prioritized, with
the priorities of the batch before returned) and pixels. Samples become tensors on both sides. Reverb, which `make
bench-peers` gets, runs beside in its own environment, see `bench/peers/replay_reverb.py`: used step by step, as its
users do, and at its best, with long chunks or a whole item as one step. It keeps what it takes in memory. What bounds
our inserts is measured beside: the same bytes through gRPC alone, into Redis alone until they are durable, and written
to a file and synced.
"""

import json
import os
import subprocess
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from actor.append_client import GROUP_LIMIT_BYTES, GROUPS_IN_FLIGHT, AppendClient
from bench.append_limits import append_limits
from bench.rounds import Case, Options, Ratio, calls_per_s, compare, options
from bench.services import Services, appending, make_episode, replay_services
from protos import replay_pb2
from townlet.arithmetic import calculate
from townlet.records import RecordLayout, decode
from townlet.rpc import open_channel
from townlet.sample_call import Sampled, sample_method
from townlet.specs import EnvironmentSpec, FieldSpec, MemorySpec
from townlet.tensor_bytes import tensor_of

PEER = Path("bench/peers/replay_reverb.py")
PEERS_PYTHON = Path(".venv-peers/bin/python")
UNIFORM, PRIORITIZED = Path("configs/cartpole.yaml"), Path("bench/r2d2_sample.yaml")
IN_FLIGHT = 2
EPISODES = 16
"""Different ones, appended again and again."""


@dataclass(frozen=True)
class Work:
    """One kind of items. steps: of an item. shape, dtype: of an observation. state: floats of a recurrent state, or 0.

    batch: items. batches: drawn in one request. capacity: items that Reverb holds; we hold as many steps.
    """

    steps: int
    shape: tuple[int, ...]
    dtype: str
    state: int
    batch: int
    batches: int
    prioritized: bool
    capacity: int
    episode_steps: int


WORKS = {
    "transitions": Work(1, (50,), "float32", 0, 256, 8, False, 200_000, 500),
    "sequences of 8": Work(8, (50,), "float32", 0, 16, 32, False, 25_000, 480),
    "R2D2 sequences": Work(120, (50,), "float32", 1024, 64, 2, True, 2_000, 480),
    "pixels": Work(80, (84, 84), "uint8", 0, 16, 1, False, 400, 480),
}
PEER_CASES = (
    (0, "steps/s", "insert-steps"),
    (0, "steps/s", "insert-whole"),
    (1, "items/s", "sample-steps"),
    (1, "items/s", "sample-whole"),
)
"""Which case of ours each is compared with, its unit, and what Reverb is asked for."""
PERIOD = 40
"""Windows of R2D2 start so many steps apart."""


class Ours:
    """One client of a shard, which is a process. What it measures is what `replay_reverb.py` measures."""

    def __init__(
        self, work: Work, services: Services, appending: AppendClient, layout: RecordLayout, shard: int = 0
    ) -> None:
        self._config = config = services.config
        self.shard = services.shards[shard]
        self.stride = layout.stride
        self._folder = config.run.folder
        self._work = work
        self._appending = appending
        self._episodes = [make_episode(layout, seed, work.episode_steps) for seed in range(EPISODES)]
        self._channel = open_channel(config.replay.addresses[shard], config.security.tls)
        self._sample = sample_method(self._channel)
        whole = layout.observation(through="truncated")
        self._spans = [(work.steps, whole)]
        if work.state:
            self._spans.append((PERIOD, layout.span("recurrent_state", "recurrent_state")))
        self._request = replay_pb2.SampleRequest(
            run=config.run.name,
            layout_digest=layout.digest,
            window=replay_pb2.Window(before=0, after=work.steps),
            slices=[
                replay_pb2.Slice(first=0, steps=steps, offset=span.offset, size=span.size)
                for steps, span in self._spans
            ],
            windows=work.batch * work.batches,
        )

    def fill(self) -> None:
        """Until as many steps are held as may be."""
        for at in range(self._work.capacity * self._work.steps // self._work.episode_steps):
            self._appending.append(self._episodes[at % EPISODES])
        self._appending.flush()

    def insert(self, seconds: float) -> float:
        """Steps/s, appended to durable in whole episodes."""
        turns = iter(range(2**62))

        def append() -> None:
            self._appending.append(self._episodes[next(turns) % EPISODES])

        return self._work.episode_steps * calls_per_s(append, seconds, self._appending.flush)

    @contextmanager
    def limits(self, seconds: float) -> Iterator[list[Case]]:
        """See `append_limits`."""
        count = max(1, GROUP_LIMIT_BYTES // len(self._episodes[0]))
        with append_limits(self._config, self._episodes[:count], count * self._work.episode_steps, seconds) as limits:
            yield limits

    def write(self, seconds: float) -> float:
        """Steps/s, written to the same disk, and synced when there is as much as may be on its way to a shard."""
        episode = self._episodes[0]
        count = max(1, GROUPS_IN_FLIGHT * GROUP_LIMIT_BYTES // len(episode))
        with tempfile.TemporaryFile(dir=self._folder, buffering=0) as file:

            def write() -> None:
                for _ in range(count):
                    file.write(episode)
                os.fdatasync(file)

            return count * self._work.episode_steps * calls_per_s(write, seconds)

    def sample(self, seconds: float) -> float:
        """Items/s, as batches of tensors."""
        waiting = deque(self._sample.future(self._request, 60) for _ in range(IN_FLIGHT))

        def turn() -> None:
            sampled = waiting.popleft().result()
            request = self._request
            if self._work.prioritized:
                request = replay_pb2.SampleRequest()
                request.CopyFrom(self._request)
                request.priorities.keys = sampled.rest.keys
                request.priorities.priorities = np.ones(sampled.rest.windows, "<f4").tobytes()
            waiting.append(self._sample.future(request, 60))
            self._tensors(sampled)

        def drain() -> None:
            for answer in waiting:
                answer.result()

        return self._request.windows * calls_per_s(turn, seconds, drain)

    def _tensors(self, sampled: Sampled) -> list[dict[str, torch.Tensor]]:
        windows, data = sampled.rest.windows, tensor_of(sampled.data, torch.uint8)
        sizes = [windows * steps * span.size for steps, span in self._spans]
        return [
            decode(part.view(windows, steps, span.size), span)
            for part, (steps, span) in zip(torch.split(data, sizes), self._spans, strict=True)
        ]


class Peer:
    """Reverb in its own environment, asked line by line."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def rate(self, what: str, seconds: float) -> float:
        """See `replay_reverb.py`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(what, seconds, file=self._process.stdin, flush=True)
        return float(self._process.stdout.readline())


def layout_of(work: Work) -> RecordLayout:
    """Of its records."""
    memory = MemorySpec(work.state, PERIOD) if work.state else None
    spec = EnvironmentSpec((FieldSpec("seen", work.dtype, work.shape),), actions=4, step_cap=work.episode_steps)
    return RecordLayout.of(spec, memory)


@contextmanager
def ours(work: Work) -> Iterator[Ours]:
    """A shard for this work, filled."""
    layout = layout_of(work)
    records = work.capacity * work.steps
    overrides = ["replay.samples_per_insert=null", f"replay.capacity={records}"]
    with (
        replay_services(PRIORITIZED if work.prioritized else UNIFORM, *overrides) as services,
        appending(services.config, layout) as client,
    ):
        measured = Ours(work, services, client, layout)
        measured.fill()
        yield measured


@contextmanager
def peer(work: Work) -> Iterator[Peer]:
    """Reverb for this work, filled."""
    told: dict[str, Any] = asdict(work)
    told = {name: told[name] for name in ("steps", "shape", "dtype", "state", "batch", "prioritized", "capacity")}
    command = [str(PEERS_PYTHON), str(PEER), json.dumps(told)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Peer(process)
        assert process.stdin is not None
        process.stdin.close()


def race(name: str, work: Work, chosen: Options) -> None:
    """Measure one kind of items and print."""
    seconds = chosen.seconds
    with ExitStack() as stack:
        mine = stack.enter_context(ours(work))
        cases = [
            Case("insert, durable", "steps/s", lambda: mine.insert(seconds)),
            Case("sample", "items/s", lambda: mine.sample(seconds)),
            *stack.enter_context(mine.limits(seconds)),
            Case("disk alone, synced", "steps/s", lambda: mine.write(seconds)),
        ]
        ratios = [Ratio(f"insert / {limit.name.partition(',')[0]}", cases[0].name, limit.name) for limit in cases[2:]]
        if PEERS_PYTHON.exists():
            reverb = stack.enter_context(peer(work))
            for mine_at, unit, what in PEER_CASES:
                cases.append(Case(f"Reverb, {what}", unit, partial(reverb.rate, what, seconds)))
                ratios.append(Ratio(f"{what.partition('-')[0]} / {what}", cases[mine_at].name, cases[-1].name))
        compare(name, cases, ratios, chosen)


def main() -> None:
    """Race and print."""
    chosen = options(__doc__, rounds=3, percent=100)
    calculate(threads=1)
    if not PEERS_PYTHON.exists():
        print(f"{PEERS_PYTHON} is not there: Townlet races alone. `make bench-peers` gets its peer.")
    for name, work in WORKS.items():  # percent: of the items held
        race(name, replace(work, capacity=work.capacity * chosen.percent // 100), chosen)


if __name__ == "__main__":
    main()
