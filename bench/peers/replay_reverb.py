"""Reverb as the peer of bench.replay_race: it answers each line on standard input with a rate on standard output.

    insert-steps SECONDS    steps/s, appended one by one, as its users do
    insert-whole SECONDS    steps/s, at its best: long chunks, or a whole sequence as one step
    sample-steps SECONDS    items/s of what was appended one by one, as batches of tensors
    sample-whole SECONDS    items/s of what was written whole

Items do not overlap. The server is a process of its own. It imports nothing of Townlet's; `make bench-peers` gets it.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import portpicker
import reverb
import tensorflow as tf

LONG_CHUNK_STEPS = 256
ITEMS_IN_FLIGHT = 64
PREFETCHED_BATCHES = 2


class Work(argparse.Namespace):
    """steps: of an item. shape, dtype: of an observation. state: floats of a recurrent state an item, or 0.

    batch: items. capacity: items a table holds.
    """

    steps: int
    shape: list[int]
    dtype: str
    state: int
    batch: int
    prioritized: bool
    capacity: int


def columns(work: Work, leading: tuple[int, ...]) -> dict[str, np.ndarray]:
    """What a step holds, or with a leading axis a whole item."""
    random = np.random.default_rng(1)
    return {
        "observation": random.integers(0, 2, (*leading, *work.shape)).astype(work.dtype),
        "action": np.zeros(leading, np.int32),
        "reward": np.zeros(leading, np.float32),
        "terminated": np.zeros(leading, np.bool_),
    }


def state_of(work: Work) -> dict[str, np.ndarray]:
    """What an item holds once; nothing without a recurrent state."""
    return {"state": np.zeros(work.state, np.float32)} if work.state else {}


def serve(work: Work, port: int) -> None:
    """Two tables, the one for items of single steps, the other for items written whole."""

    def table(name: str, item: dict[str, np.ndarray]) -> reverb.Table:
        sampler = reverb.selectors.Prioritized(0.6) if work.prioritized else reverb.selectors.Uniform()
        signature = {key: tf.TensorSpec(value.shape, tf.as_dtype(value.dtype)) for key, value in item.items()}
        return reverb.Table(
            name,
            sampler=sampler,
            remover=reverb.selectors.Fifo(),
            max_size=work.capacity,
            rate_limiter=reverb.rate_limiters.MinSize(1),
            signature=signature,
        )

    whole = columns(work, (work.steps,)) | state_of(work)
    leading = {key: value[None] for key, value in state_of(work).items()}
    reverb.Server([table("steps", columns(work, (work.steps,)) | leading), table("whole", whole)], port=port).wait()


class Client:
    """One connection to the server, and what can be measured through it."""

    def __init__(self, work: Work, port: int) -> None:
        self._work = work
        self._address = f"localhost:{port}"
        self._client = reverb.Client(self._address)
        self._client.server_info(timeout=60)
        self._step = columns(work, ()) | state_of(work)
        self._item = columns(work, (work.steps,)) | state_of(work)
        self._batches: dict[str, Iterator[Any]] = {}

    def insert_steps(self, seconds: float) -> float:
        """Append step by step; each `steps` of them make an item."""
        work = self._work
        with self._client.trajectory_writer(num_keep_alive_refs=work.steps) as writer:

            def insert() -> None:
                for _ in range(work.steps):
                    writer.append(self._step)
                history = writer.history
                item = {key: history[key][-work.steps :] for key in self._step if key != "state"}
                if work.state:
                    item["state"] = history["state"][-work.steps : -work.steps + 1 or None]
                writer.create_item("steps", 1.0, item)
                writer.flush(ITEMS_IN_FLIGHT)

            return work.steps * rate(insert, seconds, writer.flush)

    def insert_whole(self, seconds: float) -> float:
        """Append in long chunks where an item is one step, else a whole item as one step."""
        work = self._work
        chunk = LONG_CHUNK_STEPS if work.steps == 1 else 1
        with self._client.trajectory_writer(num_keep_alive_refs=chunk) as writer:
            for key in self._item:
                writer.configure((key,), num_keep_alive_refs=chunk, max_chunk_length=chunk)

            def insert() -> None:
                writer.append(self._item)
                writer.create_item("whole", 1.0, {key: writer.history[key][-1] for key in self._item})
                if chunk == 1:
                    writer.flush(ITEMS_IN_FLIGHT)

            return work.steps * rate(insert, seconds, writer.flush)

    def sample(self, table: str, seconds: float) -> float:
        """Batches through its dataset; prioritized ones with their priorities returned."""
        work = self._work
        if table not in self._batches:
            dataset = reverb.TrajectoryDataset.from_table_signature(
                self._address, table, max_in_flight_samples_per_worker=2 * work.batch
            )
            self._batches[table] = iter(dataset.batch(work.batch, drop_remainder=True).prefetch(PREFETCHED_BATCHES))
        batches = self._batches[table]

        def draw() -> None:
            batch = next(batches)
            if work.prioritized:
                self._client.mutate_priorities(table, updates={int(key): 1.0 for key in batch.info.key.numpy()})

        return work.batch * rate(draw, seconds)


def rate(turn: Callable[[], object], seconds: float, finish: Callable[[], object] = int) -> float:
    """How often a second `turn` can be called, with `finish` at the end."""
    began, turns = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        turn()
        turns += 1
    finish()
    return turns / (time.perf_counter() - began)


def answer(client: Client) -> None:
    """Measure whatever is asked for, until there is no more to ask."""
    asked: dict[str, Callable[[float], float]] = {
        "insert-steps": client.insert_steps,
        "insert-whole": client.insert_whole,
        "sample-steps": lambda seconds: client.sample("steps", seconds),
        "sample-whole": lambda seconds: client.sample("whole", seconds),
    }
    for line in sys.stdin:
        name, seconds = line.split()
        print(asked[name](float(seconds)), flush=True)


def main() -> None:
    """Serve, or start a server and answer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", help="JSON: see Work")
    parser.add_argument("--serve", type=int, metavar="PORT", help="only serve")
    chosen = parser.parse_args()
    work = Work(**json.loads(chosen.work))
    if chosen.serve:
        return serve(work, chosen.serve)
    port = portpicker.pick_unused_port()
    server = subprocess.Popen([sys.executable, __file__, chosen.work, "--serve", str(port)], stdin=subprocess.DEVNULL)
    try:
        answer(Client(work, port))
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    main()
