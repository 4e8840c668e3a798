"""Groups what producers ask for into transactions, and admits it to the table once it is durable.

Redis writes one group at a time. Meanwhile the one before it is admitted and answered, and the next one gathers. What
Redis does not take is repeated until it does, so nothing acknowledged is lost and nothing is stored twice.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from replay_service.producers import Producer, Producers
from replay_service.redis_log import Entry, Meta, RedisLog, Transaction
from replay_service.table import Table
from townlet.checkpoint.state import State
from townlet.errors import TownletError, UnavailableError
from townlet.failpoints import failpoint
from townlet.tracing import span

GROUP_LIMIT_BYTES = 4 * 2**20
ADMITTED_BYTES = 2**18
"""Are admitted in one go: about what a socket takes at a time."""
FIRST_RETRY_S = 0.05
LAST_RETRY_S = 1.0

log = structlog.get_logger()


@dataclass(frozen=True)
class Append:
    """An episode."""

    actor: str
    epoch: int
    sequence: int
    records: bytes | memoryview
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


Operation = Append | Open


@dataclass(frozen=True)
class Group:
    """What is written together. answers: what each caller is told once it is admitted. steps: see `Append`, of all."""

    transaction: Transaction
    answers: "list[tuple[asyncio.Future[int], int]]"
    steps: int


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
        self._waiting: deque[Operation] = deque()
        self._asked = asyncio.Event()
        """Whether anything waits."""
        self._under_way: deque[Group] = deque()
        """Those that are not answered yet; the last one is being written."""
        self._dropped = dropped
        self._keeping = False
        self._cuts_wanted = 0
        self._between_groups = asyncio.Lock()

    @property
    def appended(self) -> int:
        """Episodes appended since the run began."""
        return self._meta.appended

    @property
    def stride(self) -> int:
        """Bytes of a record."""
        return self._meta.stride

    def append(
        self, actor: str, epoch: int, sequence: int, records: bytes | memoryview, steps: int
    ) -> "asyncio.Future[int]":
        """Store the episode if it is new. The result, once it is durable: the actor's next sequence number."""
        append = Append(actor, epoch, sequence, records, steps, asyncio.get_running_loop().create_future())
        self.pending_steps += steps
        self._ask(append)
        return append.done

    def open(self, actor: str) -> "asyncio.Future[int]":
        """Start an epoch. The result, once it is durable: its number."""
        opening = Open(actor, asyncio.get_running_loop().create_future())
        self._ask(opening)
        return opening.done

    async def run(self) -> None:
        """Commit whatever is asked for, for ever."""
        try:
            while True:
                await self._asked.wait()
                await asyncio.sleep(self._group_period_s)
                async with self._between_groups:
                    await self._commit()
        except asyncio.CancelledError:
            self._turn_away()
            raise

    async def _commit(self) -> None:
        """Group after group, until nothing waits any more, or a cut is wanted."""
        while operations := self._next_operations():
            group = self._plan(operations)
            self._under_way.append(group)
            failpoint("replay.append.before_write")
            await asyncio.gather(self._write(group.transaction), self._admit_up_to(group))
        await self._admit_up_to(None)

    async def _admit_up_to(self, last: Group | None) -> None:
        """Admit and answer what is written, in order; `last` is not yet."""
        while self._under_way and (group := self._under_way[0]) is not last:
            failpoint("replay.append.before_answer")
            await self._admit(group.transaction)
            self._under_way.popleft()
            self.pending_steps -= group.steps
            for done, answer in group.answers:
                if not done.done():
                    done.set_result(answer)
            self._on_commit()

    def _ask(self, operation: Operation) -> None:
        self._waiting.append(operation)
        self._asked.set()

    def _turn_away(self) -> None:
        """The shard is taken down: whoever still waits has to come again."""
        answers = [done for group in self._under_way for done, _ in group.answers]
        for done in (*answers, *(operation.done for operation in self._waiting)):
            _refuse(done, UnavailableError("this shard is taking up another version"))

    async def cut(self) -> Cut:
        """The shard as it is between two groups. The log keeps what is dropped from now on, until `let_go`."""
        self._cuts_wanted += 1
        try:
            async with self._between_groups:
                self._keeping = True
                producers = {actor: replace(producer) for actor, producer in self._producers.all().items()}
                return Cut(self._meta, producers, self._table.state())
        finally:
            self._cuts_wanted -= 1

    def let_go(self) -> None:
        """The log may forget again what has been dropped."""
        self._keeping = False

    def _next_operations(self) -> list[Operation]:
        """Those that are written next, as many as go into a group; none while a cut is wanted."""
        operations: list[Operation] = []
        size = 0
        while self._waiting and size < GROUP_LIMIT_BYTES and not self._cuts_wanted:
            operations.append(self._waiting.popleft())
            size += _size(operations[-1])
        if not self._waiting:
            self._asked.clear()
        return operations

    def _plan(self, operations: list[Operation]) -> Group:
        """What is written, and what each caller is told then. Refused ones are told at once."""
        episodes: list[Entry] = []
        producers: dict[str, Producer] = {}
        answers = []
        for operation in operations:
            try:
                producer = self._apply(operation, episodes)
            except TownletError as error:
                _refuse(operation.done, error)
                continue
            producers[operation.actor] = producer
            answers.append((operation.done, producer.epoch if isinstance(operation, Open) else producer.next_sequence))
        dropped, self._dropped = ([], self._dropped) if self._keeping else (self._dropped, [])
        transaction = Transaction(self._meta_after(episodes), episodes, producers, dropped)
        return Group(transaction, answers, sum(each.steps for each in operations if isinstance(each, Append)))

    def _apply(self, operation: Operation, episodes: list[Entry]) -> Producer:
        """The operation's producer, moved on; new episodes go to the end of `episodes`."""
        if isinstance(operation, Open):
            return self._producers.open(operation.actor)
        producer = self._producers.find(operation.actor, operation.epoch)
        if self._producers.is_new(operation.actor, operation.epoch, operation.sequence):
            order = self._meta.next_order + len(episodes)
            episodes.append((order, f"{operation.actor}/{operation.epoch}/{operation.sequence}", operation.records))
            producer.next_sequence += 1
        return producer

    def _meta_after(self, episodes: list[Entry]) -> Meta:
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
        with span("commit", episodes=len(transaction.episodes)):
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

    async def _admit(self, transaction: Transaction) -> None:
        size = 0
        for order, _, records in transaction.episodes:
            self._dropped += self._table.insert(order, records)
            size += len(records)
            if size >= ADMITTED_BYTES:
                size = 0
                await asyncio.sleep(0)  # more of the next group goes to Redis


def _size(operation: Operation) -> int:
    return len(operation.records) if isinstance(operation, Append) else 0


def _refuse(done: "asyncio.Future[int]", error: TownletError) -> None:
    """Tell whoever asked, without the frames that the error came through: they hold the operation, which holds it."""
    if not done.done():
        done.set_exception(error.with_traceback(None))
        done.exception()  # has been seen: whoever asked may have gone away
