"""The replay protocol as one producer speaks it, every call recorded with its answer or its error."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from protos import replay_pb2 as pb
from protos import replay_pb2_grpc
from townlet.errors import TownletError
from townlet.records import RecordLayout
from townlet.rpc import call, open_channel

TIMEOUT_S = 5.0
WAIT_MS = 500


@dataclass(frozen=True)
class Shard:
    """Who is spoken to. address: where it is now, which changes with each `townlet up`."""

    address: Callable[[], str]
    run: str
    layout: RecordLayout


class Connection:
    """One producer's. Every method raises the TownletError of the answer, UnavailableError when there is none."""

    def __init__(self, shard: Shard, actor: str, journal: Path) -> None:
        self._shard = shard
        self._actor = actor
        self._journal = journal.open("w")
        self._dialled = ""

    def close(self) -> None:
        """Nothing more is recorded."""
        self._hang_up()
        self._journal.close()

    def open(self) -> int:
        """The new epoch."""
        layout = pb.Layout(stride=self._shard.layout.stride, digest=self._shard.layout.digest)
        request = pb.OpenProducerRequest(run=self._shard.run, layout=layout, actor=self._actor)
        answer = self._call("OpenProducer", request, {}, lambda answer: {"epoch": answer.epoch})
        return int(answer.epoch)

    def append(self, epoch: int, first: int, episodes: dict[int, bytes]) -> pb.AppendResponse:
        """episodes: by number, those from sequence number `first` on."""
        request = pb.AppendRequest(
            run=self._shard.run,
            layout_digest=self._shard.layout.digest,
            actor=self._actor,
            epoch=epoch,
            episodes=[pb.Episode(sequence=first + at, records=records) for at, records in enumerate(episodes.values())],
            wait_ms=WAIT_MS,
        )
        asked = {"epoch": epoch, "first": first, "numbers": list(episodes)}
        answer: pb.AppendResponse = self._call(
            "Append", request, asked, lambda answer: {"next": answer.next_sequence, "blocked_by": answer.blocked_by}
        )
        return answer

    def sample(self, windows: int) -> bytes:
        """So many whole records, or none."""
        request = pb.SampleRequest(
            run=self._shard.run,
            layout_digest=self._shard.layout.digest,
            window=pb.Window(after=1),
            slices=[pb.Slice(steps=1, size=self._shard.layout.stride)],
            windows=windows,
            wait_ms=WAIT_MS,
        )
        answer = self._call("Sample", request, {"windows": windows}, lambda answer: {"drawn": answer.windows})
        return bytes(answer.data)

    def appended_episodes(self) -> int:
        """Of the shard, since the run began."""
        answer = self._call("Stats", pb.StatsRequest(), {}, lambda answer: {"appended": answer.appended_episodes})
        return int(answer.appended_episodes)

    def note(self, **values: object) -> None:
        """One more line of the record."""
        self._journal.write(json.dumps({"time": round(time.time(), 3), **values}) + "\n")
        self._journal.flush()

    def _hang_up(self) -> None:
        if self._dialled:
            self._channel.close()

    def _call(
        self, method: str, request: Any, asked: dict[str, object], told: Callable[[Any], dict[str, object]]
    ) -> Any:
        if (address := self._shard.address()) != self._dialled:
            self._hang_up()
            self._dialled, self._channel = address, open_channel(address, None)
            self._stub = replay_pb2_grpc.ReplayServiceStub(self._channel)
        self.note(call=method, **asked)
        try:
            answer = call(getattr(self._stub, method), request, peer=f"shard at {address}", timeout_s=TIMEOUT_S)
        except TownletError as error:
            self.note(error=type(error).__name__, reason=str(error))
            raise
        self.note(**told(answer))
        return answer
