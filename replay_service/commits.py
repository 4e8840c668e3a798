"""Groups what producers ask for into transactions, and admits it to the table once it is durable.

One group at a time: while Redis writes one, the next one gathers. A group that Redis does not take is repeated until it
does, so nothing acknowledged is lost and nothing is stored twice.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from replay_service.producers import Producer, Producers
from replay_service.redis_log import Meta, RedisLog, Transaction
from replay_service.table import Table
from townlet.checkpoint.state import State
from townlet.errors import TownletError, UnavailableError
from townlet.failpoints import failpoint
from townlet.tracing import span

GROUP_LIMIT_BYTES = 4 * 2**20
FIRST_RETRY_S = 0.05
LAST_RETRY_S = 1.0

log = structlog.get_logger()


@dataclass(frozen=True)
class Append:
    """An episode."""

    actor: str
    epoch: int
    sequence: int
    records: bytes
    steps: int
    """What the limiter reckons with until they are in the table: 0 when it is known that they already are."""
    done: "asyncio.Future[int]"
    """The actor's next sequence number."""


@dataclass(frozen=True)
class Open:
    """A new epoch of one actor."""

    actor: str
    done: "asyncio.Future[int]"
    """The epoch."""


@dataclass(frozen=True)
class Cut:
    """A shard as it was between two groups. table: see `Table.state`."""

    meta: Meta
    producers: dict[str, Producer]
    table: State


class Commits:
    """The only writer of the log, and of the table's episodes."""

    def __init__(
        self,
        redis_log: RedisLog,
        table: Table,
        producers: Producers,
        meta: Meta,
        group_period_s: float,
        on_commit: Callable[[], None],
        dropped: list[int],
    ) -> None:
        self.redis_available = True
        self.pending_steps = 0
        self._log = redis_log
        self._table = table
        self._producers = producers
        self._meta = meta
        self._group_period_s = group_period_s
        self._on_commit = on_commit
        self._queue: asyncio.Queue[Append | Open] = asyncio.Queue()
        self._dropped = dropped
        self._keeping = False
        self._between_groups = asyncio.Lock()

    @property
    def appended(self) -> int:
        """Episodes appended since the run began."""
        return self._meta.appended

    @property
    def stride(self) -> int:
        """Bytes of a record."""
        return self._meta.stride

    def append(self, actor: str, epoch: int, sequence: int, records: bytes, steps: int) -> "asyncio.Future[int]":
        """Store the episode if it is new. The result, once it is durable: the actor's next sequence number."""
        append = Append(actor, epoch, sequence, records, steps, asyncio.get_running_loop().create_future())
        self.pending_steps += steps
        self._queue.put_nowait(append)
        return append.done

    def open(self, actor: str) -> "asyncio.Future[int]":
        """Start an epoch. The result, once it is durable: its number."""
        opening = Open(actor, asyncio.get_running_loop().create_future())
        self._queue.put_nowait(opening)
        return opening.done

    async def run(self) -> None:
        """Commit group after group, for ever."""
        group: list[Append | Open] = []
        try:
            while True:
                group = await self._next_group()
                await self._commit(group)
                group = []  # nobody keeps what it brought while the next one gathers
        except asyncio.CancelledError:
            self._turn_away(group)
            raise

    async def _commit(self, group: list[Append | Open]) -> None:
        async with self._between_groups:
            transaction, answers = self._plan(group)
            failpoint("replay.append.before_write")
            with span("commit", episodes=len(transaction.episodes)):
                await self._write(transaction)
            failpoint("replay.append.before_answer")
            self._admit(transaction)
        self.pending_steps -= sum(operation.steps for operation in group if isinstance(operation, Append))
        for done, answer in answers:
            if not done.done():
                done.set_result(answer)
        self._on_commit()

    def _turn_away(self, group: list[Append | Open]) -> None:
        """The shard is taken down: whoever still waits has to come again."""
        while not self._queue.empty():
            group.append(self._queue.get_nowait())
        for operation in group:
            _refuse(operation, UnavailableError("this shard is taking up another version"))

    async def cut(self) -> Cut:
        """The shard as it is between two groups. The log keeps what is dropped from now on, until `let_go`."""
        async with self._between_groups:
            self._keeping = True
            producers = {actor: replace(producer) for actor, producer in self._producers.all().items()}
            return Cut(self._meta, producers, self._table.state())

    def let_go(self) -> None:
        """The log may forget again what has been dropped."""
        self._keeping = False

    async def _next_group(self) -> list[Append | Open]:
        group = [await self._queue.get()]
        await asyncio.sleep(self._group_period_s)
        size = _size(group[0])
        while not self._queue.empty() and size < GROUP_LIMIT_BYTES:
            group.append(self._queue.get_nowait())
            size += _size(group[-1])
        return group

    def _plan(self, group: list[Append | Open]) -> tuple[Transaction, list[tuple["asyncio.Future[int]", int]]]:
        """The group's transaction, and what each caller is told once it is written. Refused ones are told at once."""
        episodes: list[tuple[int, str, bytes]] = []
        producers: dict[str, Producer] = {}
        answers = []
        for operation in group:
            try:
                producer = self._apply(operation, episodes)
            except TownletError as error:
                _refuse(operation, error)
                continue
            producers[operation.actor] = producer
            answers.append((operation.done, producer.epoch if isinstance(operation, Open) else producer.next_sequence))
        dropped, self._dropped = ([], self._dropped) if self._keeping else (self._dropped, [])
        return Transaction(self._meta_after(episodes), episodes, producers, dropped), answers

    def _apply(self, operation: Append | Open, episodes: list[tuple[int, str, bytes]]) -> Producer:
        """The operation's producer, moved on; new episodes go to the end of `episodes`."""
        if isinstance(operation, Open):
            return self._producers.open(operation.actor)
        producer = self._producers.find(operation.actor, operation.epoch)
        if self._producers.is_new(operation.actor, operation.epoch, operation.sequence):
            order = self._meta.next_order + len(episodes)
            episodes.append((order, f"{operation.actor}/{operation.epoch}/{operation.sequence}", operation.records))
            producer.next_sequence += 1
        return producer

    def _meta_after(self, episodes: list[tuple[int, str, bytes]]) -> Meta:
        steps = sum(len(records) // self._meta.stride - 1 for _, _, records in episodes)
        return replace(
            self._meta,
            next_order=self._meta.next_order + len(episodes),
            inserted=self._meta.inserted + steps,
            sampled=self._table.limiter.sampled,
            appended=self._meta.appended + len(episodes),
        )

    async def _write(self, transaction: Transaction) -> None:
        self._meta = transaction.meta
        pause_s = FIRST_RETRY_S
        while True:
            try:
                await self._log.commit(transaction)
            except UnavailableError as error:
                self._note_availability(False, str(error))
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LAST_RETRY_S)
            else:
                self._note_availability(True)
                return

    def _note_availability(self, available: bool, reason: str = "") -> None:
        if self.redis_available and not available:
            log.warning("redis_away", reason=reason, effect="appends wait, sampling goes on")
        elif available and not self.redis_available:
            log.info("redis_back")
        self.redis_available = available

    def _admit(self, transaction: Transaction) -> None:
        for order, _, records in transaction.episodes:
            self._dropped += self._table.insert(order, records)


def _size(operation: Append | Open) -> int:
    return len(operation.records) if isinstance(operation, Append) else 0


def _refuse(operation: Append | Open, error: TownletError) -> None:
    """Tell whoever asked, without the frames that the error came through: they hold the operation, which holds it."""
    if not operation.done.done():
        operation.done.set_exception(error.with_traceback(None))
        operation.done.exception()  # has been seen: whoever asked may have gone away
