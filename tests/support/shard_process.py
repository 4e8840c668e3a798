"""A shard as a process of its own, and a client for it."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import grpc
import numpy as np

from protos import replay_pb2 as pb
from protos import replay_pb2_grpc
from townlet.config_file import dump_config, load_config

STRIDE = 16
LAYOUT = pb.Layout(stride=STRIDE, digest="test-layout")
RUN = "test"
L1 = Path(__file__).parents[2] / "configs" / "L1_full.yaml"


def episode(number: int, steps: int) -> bytes:
    """T + 1 records that name their episode and step."""
    rows = np.zeros((steps + 1, STRIDE), np.uint8)
    rows[:, :4] = np.array([number], "<u4").view(np.uint8)
    rows[:, 4:8] = np.arange(steps + 1, dtype="<u4")[:, None].view(np.uint8)
    return rows.tobytes()


class ShardProcess:
    """`python -m replay_service` on a port that stays the same over restarts. base: of its configuration.

    index: which of the shards it is; those before it are somewhere else.
    """

    def __init__(
        self, folder: Path, redis_url: str, port: int, *overrides: str, base: Path = L1, index: int = 0
    ) -> None:
        self.address = f"127.0.0.1:{port}"
        self.log = folder / f"shard-{index}.log"
        self.config = folder / f"config-{index}.yaml"
        self._index = index
        settings = [
            f"run.name={RUN}",
            f"replay.redis_url={redis_url}",
            f"replay.addresses={[*['elsewhere:1'] * index, self.address]}",
            "replay.samples_per_insert=null",
            "replay.min_size_to_sample=1",
            "learner.batch_size=32",
            "learner.batches_per_request=8",
            *overrides,
        ]
        self.config.write_text(dump_config(load_config(base, settings)))
        self.process: subprocess.Popen[bytes] | None = None
        self.channel = grpc.insecure_channel(self.address, [("grpc.max_reconnect_backoff_ms", 200)])
        self.stub = replay_pb2_grpc.ReplayServiceStub(self.channel)

    def start(self) -> "ShardProcess":
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "replay_service", str(self.config), "--index", str(self._index)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        return self

    def wait_until_serving(self) -> "ShardProcess":
        deadline = time.monotonic() + 30
        while True:
            try:
                self.stub.Stats(pb.StatsRequest(), timeout=1.0)
                return self
            except grpc.RpcError:
                assert self.process is None or self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < deadline, self.log.read_text()
                time.sleep(0.02)

    def stop(self, number: int = signal.SIGTERM) -> int:
        if self.process is None:
            return 0
        self.process.send_signal(number)
        code = self.process.wait(20)
        self.process = None
        return code

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    def open(self, actor: str = "actor-0") -> int:
        return self.stub.OpenProducer(pb.OpenProducerRequest(run=RUN, layout=LAYOUT, actor=actor), timeout=20).epoch

    def append(
        self,
        epoch: int,
        first: int,
        episodes: list[bytes],
        actor: str = "actor-0",
        wait_ms: int = 0,
        timeout: float = 20,
        leaves: bool = False,
    ) -> pb.AppendResponse:
        numbered = [pb.Episode(sequence=first + at, records=records) for at, records in enumerate(episodes)]
        request = pb.AppendRequest(
            run=RUN,
            layout_digest=LAYOUT.digest,
            actor=actor,
            epoch=epoch,
            episodes=numbered,
            wait_ms=wait_ms,
            leaves=leaves,
        )
        return self.stub.Append(request, timeout=timeout)

    def sample(self, windows: int, wait_ms: int = 0, **fields: object) -> pb.SampleResponse:
        request = pb.SampleRequest(
            run=RUN,
            layout_digest=LAYOUT.digest,
            window=pb.Window(after=1),
            slices=[pb.Slice(steps=1, size=STRIDE)],
            windows=windows,
            wait_ms=wait_ms,
            **fields,
        )
        return self.stub.Sample(request, timeout=20)

    def stats(self) -> pb.StatsResponse:
        return self.stub.Stats(pb.StatsRequest(), timeout=20)

    def held(self) -> set[int]:
        """Numbers of the episodes that can be sampled, by drawing until every one must have come up."""
        items = self.stats().items
        data = np.frombuffer(self.sample(max(1, 40 * items)).data, np.uint8).reshape(-1, STRIDE)
        return set(data[:, :4].copy().view("<u4").ravel().tolist())
