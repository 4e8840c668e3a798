"""A shard's part of the versions: prepared while it goes on serving, and taken up when it serves nobody."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace

import numpy as np
import structlog

from replay_service.commits import Commits, Cut
from replay_service.producers import Producer
from replay_service.redis_log import Entry, Meta, RedisLog, Transaction
from replay_service.segments import StoredEpisode, decode_segment, encode_segment
from replay_service.table import check_state
from townlet.checkpoint.form import Form, check_forms
from townlet.checkpoint.manifest import FileRecord
from townlet.checkpoint.opened import OpenVersion
from townlet.checkpoint.state import State
from townlet.checkpoint.store import VersionStore
from townlet.errors import CheckpointError, InvalidRequestError
from townlet.failpoints import failpoint
from townlet.own_thread import OwnThread
from townlet.telemetry import stand_on
from townlet.tracing import span

log = structlog.get_logger()

SEGMENT_BYTES = 16 * 2**20
"""A segment is full from here on. Four times as much is held in memory while it is written."""
TRANSACTION_BYTES = 4 * 2**20
"""And so is a transaction of the log, when a version is taken up."""

_PRODUCER = {"epoch": Form("int", least=1), "next_sequence": Form("int", least=0)}
_FORMS = {
    "stride": Form("int", least=1),
    "digest": Form("str"),
    "next_order": Form("int", least=0),
    "appended": Form("int", least=0),
    "round": Form("int", least=0),
    "producers": Form("dict"),
    "table": Form("dict"),
    "segment": Form("int64", (None,), least=0),
}

FORMAT_1 = {"round": 0}
"""What versions of that format do not say."""


@dataclass(frozen=True)
class Prepared:
    """A shard's part of a version.

    appended: episodes since the run began. orders, segments: of each episode held, oldest first. state: other files.
    """

    appended: int
    orders: tuple[int, ...]
    segments: tuple[FileRecord, ...]
    state: tuple[FileRecord, ...]

    @property
    def files(self) -> list[FileRecord]:
        """Each once; segments in the order in which the episodes need them."""
        return [*dict.fromkeys(self.segments), *self.state]


class ShardVersions:
    """Writes what a version needs of one shard, on the shard's event loop.

    component: the shard's name in the versions. Of the segments only those that the last committed version refers to
    are referred to again: others may be collected at any time.
    """

    def __init__(self, store: VersionStore, component: str, redis_log: RedisLog) -> None:
        self._store = store
        self._component = component
        self._log = redis_log
        self._segments: dict[int, FileRecord] = {}
        """Of each episode, by order number, of the last committed version,"""
        self._shared = 0
        """which is this one."""
        self._version = 0
        self._writing: asyncio.Task[Prepared] | None = None
        self._cutting = asyncio.Lock()
        self._disk = OwnThread("versions")

    async def newest(self) -> int | None:
        """The newest version, of those that can be read, in which this shard had episodes."""
        listed = await self._disk(self._store.versions)
        counter = f"{self._component}.appended"
        mine = [each.version for each in listed if each.manifest and each.manifest.counters.get(counter)]
        return max(mine, default=None)

    async def open(self, version: int) -> "TakenUp":
        """The shard's part of a version, every byte of it verified. Raises CheckpointError, or MismatchError."""
        opened = await self._disk(self._store.open, version, self._component)
        return TakenUp(opened, self._component)

    async def cut(self, version: int, commits: Commits, round: int) -> None:
        """Cut the shard's state for a version, and begin to write it. Another one that is being prepared is given up.

        round: the last one committed, in lockstep; else 0. Repeating it changes nothing.
        """
        async with self._cutting:
            if version == self._version and self._writing is not None:
                return
            if self._writing is not None:
                await self.end(self._version, committed=False)
            cut = await commits.cut()
            self._version = version
            self._writing = asyncio.create_task(self._write(version, cut, round))
            self._writing.add_done_callback(lambda _: commits.let_go())

    async def prepared(self, version: int, wait_s: float) -> Prepared | None:
        """What was written of a version that was cut; None while it is still being written, after `wait_s`.

        Raises what went wrong with it.
        """
        if self._writing is None or version != self._version:
            found = self._version if self._writing else "none"
            raise InvalidRequestError(f"version {version}: expected one that was cut here, found {found}")
        done, _ = await asyncio.wait([self._writing], timeout=wait_s)
        return self._writing.result() if done else None

    async def end(self, version: int, *, committed: bool) -> None:
        """The version is complete everywhere, or given up. One that is neither being prepared nor shared is unknown."""
        if version == self._shared and not committed:
            self._segments = {}
        if version != self._version or self._writing is None:
            return
        writing, self._writing = self._writing, None
        if not committed:
            writing.cancel()
        await asyncio.wait([writing])
        if not committed and not writing.cancelled() and (error := writing.exception()):
            log.info("version_given_up", prepared=version, reason=str(error))
        if committed:
            prepared = writing.result()
            self._segments, self._shared = dict(zip(prepared.orders, prepared.segments, strict=True)), version
            stand_on(version)

    def took_up(self, taken: "TakenUp") -> None:
        """The shard is that of a version now, whose segments later versions share."""
        self._segments, self._shared = dict(zip(taken.orders, taken.segments, strict=True)), taken.version
        stand_on(taken.version)

    async def _write(self, version: int, cut: Cut, round: int) -> Prepared:
        with span("version.write", version=version):
            return await self._write_files(version, cut, round)

    async def _write_files(self, version: int, cut: Cut, round: int) -> Prepared:
        orders = cut.table["orders"].tolist()
        segments = {order: self._segments[order] for order in orders if order in self._segments}
        async for episodes in _segments_of(self._log.read([order for order in orders if order not in segments])):
            content = await self._disk(encode_segment, episodes)
            failpoint("replay.version.before_segment")
            record = await self._disk(self._store.write_segment, self._component, content)
            segments |= {episode.order: record for episode in episodes}
        failpoint("replay.version.before_state")
        records = tuple(segments[order] for order in orders)
        state = _state_of(cut, records) | {"round": round}
        files = await self._disk(self._store.write_state, version, self._component, state)
        return Prepared(cut.meta.appended, tuple(orders), records, files)


class TakenUp:
    """A shard's part of an opened version, its form checked. Raises CheckpointError when it cannot be one.

    version: its number. meta, producers, table, round: what was saved. orders, segments: of each episode held, oldest
    first.
    """

    def __init__(self, opened: OpenVersion, component: str) -> None:
        what, state = f"saved {component}", {**FORMAT_1, **opened.state(component)}
        check_forms(what, state, _FORMS)
        for actor, producer in state["producers"].items():
            check_forms(f"{what}: producer {actor}", producer, _PRODUCER)
        check_state(state["table"])
        limiter = state["table"]["limiter"]
        self._opened = opened
        self.version = opened.manifest.version
        self.meta = Meta(
            state["stride"],
            state["digest"],
            state["next_order"],
            limiter["inserted"],
            limiter["sampled"],
            state["appended"],
        )
        self.producers = {actor: Producer(**values) for actor, values in state["producers"].items()}
        self.table: State = state["table"]
        self.round: int = state["round"]
        self.orders: list[int] = self.table["orders"].tolist()
        files = opened.segments(component)
        numbers = state["segment"].tolist()
        if len(numbers) != len(self.orders) or max(numbers, default=0) >= max(1, len(files)):
            raise CheckpointError(f"{what}: segment: expected one of {len(files)} for each episode, found others")
        self.segments = [files[number] for number in numbers]

    def episodes(self) -> Iterator[StoredEpisode]:
        """Those held, oldest first, out of their segments. Blocks. Raises CheckpointError when one is missing."""
        wanted = zip(self.orders, self.segments, strict=True)
        found: dict[int, StoredEpisode] = {}
        last: FileRecord | None = None
        for order, record in wanted:
            if record is not last:
                found = {each.order: each for each in decode_segment(self._opened.read(record), record.path)}
                last = record
            if order not in found:
                raise CheckpointError(f"{record.path}: expected episode {order}, found none")
            yield found[order]

    def transactions(self) -> Iterator[Transaction]:
        """What the log must hold, piece by piece; the last one says what is known besides episodes."""
        group: list[Entry] = []
        size = 0
        for episode in self.episodes():
            group.append((episode.order, episode.name, bytes(episode.records)))
            size += len(episode.records)
            if size >= TRANSACTION_BYTES:
                yield Transaction(replace(self.meta, next_order=0), group)
                group, size = [], 0
        yield Transaction(self.meta, group, self.producers)


def _state_of(cut: Cut, segments: tuple[FileRecord, ...]) -> State:
    number = {record: number for number, record in enumerate(dict.fromkeys(segments))}
    return {
        "stride": cut.meta.stride,
        "digest": cut.meta.digest,
        "next_order": cut.meta.next_order,
        "appended": cut.meta.appended,
        "producers": {actor: dict(vars(producer)) for actor, producer in cut.producers.items()},
        "table": cut.table,
        "segment": np.array([number[record] for record in segments], np.int64),
    }


async def _segments_of(episodes: AsyncIterator[StoredEpisode]) -> AsyncIterator[list[StoredEpisode]]:
    """As many as fill a segment, one after the other."""
    group: list[StoredEpisode] = []
    size = 0
    async for episode in episodes:
        group.append(episode)
        size += len(episode.records)
        if size >= SEGMENT_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group
