"""The durable truth behind a shard: every acknowledged episode, in order. Only this module speaks to Redis.

Keys, all of one hash slot, under townlet:{RUN/SHARD}, so that in a cluster one node holds a whole shard:

    episode:ORDER    string   the episode's records
    ids              hash     ORDER -> "actor/epoch/sequence", the episode's ID
    producers        hash     actor -> "epoch next_sequence"
    meta             hash     stride, digest, next_order, inserted, sampled, appended; while a version is being taken
                              up, taking_up: its number
    writer           string   names the one connection that may write

A group of operations is one transaction, followed by WAITAOF: what is acknowledged is in the server's append-only file.
Of a server that has no WAITAOF it is demanded that it always fsyncs: then it answers nothing before that.
Every write names its keys and values outright, so that a transaction whose answer was lost can be sent again. One that
the network delivers only after later ones does nothing: each new connection that writes sets `writer`, which the ones
before it watch.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AskError,
    AuthenticationError,
    BusyLoadingError,
    ClusterError,
    MovedError,
    RedisError,
    ResponseError,
)

from replay_service.producers import Producer
from replay_service.redis_access import RedisAccess
from replay_service.redis_cluster import Nodes, following
from replay_service.redis_writer import Command, Greeting, RedisWriter, ask
from replay_service.segments import StoredEpisode
from townlet.errors import TownletError, UnavailableError
from townlet.failpoints import failpoint
from townlet.masks import masked

EPISODES_PER_READ = 16
FSYNC_WAIT_MS = 5_000


@dataclass(frozen=True)
class Meta:
    """What a shard remembers besides episodes. See the module's table of keys."""

    stride: int
    digest: str
    next_order: int
    inserted: int
    sampled: int
    appended: int


Entry = tuple[int, str, bytes | memoryview]
"""An episode's order number, its ID, and its records."""


@dataclass
class Transaction:
    """One group of changes, to be applied whole."""

    meta: Meta
    episodes: list[Entry] = field(default_factory=list)
    producers: dict[str, Producer] = field(default_factory=dict)
    dropped: list[int] = field(default_factory=list)


class RedisLog:
    """One shard's log. Raises UnavailableError from every call while Redis does not answer or refuses to write."""

    def __init__(
        self,
        access: RedisAccess,
        run: str,
        shard: int,
        durable: bool,
        timeout_s: float,
        *,
        cluster: bool = False,
        replicas: int = 0,
    ) -> None:
        """cluster: the URL names a node of one. replicas: so many have to have what is acknowledged."""
        self._prefix = f"townlet:{{{run}/{shard}}}:"
        self._durable = durable
        tls: dict[str, Any] = {"ssl_ca_certs": str(access.ca)} if access.ca else {}
        self._client = redis.Redis.from_url(
            access.url,
            password=access.password,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),  # a transaction is repeated by the caller, who knows that it may be
            redis_connect_func=self._greet,
            **tls,
        )
        if cluster:
            self._follow_the_slot(self._client.connection_pool)
        self._cluster = cluster
        self._replicas = replicas
        self._where = masked(access.url)
        self._acknowledged_orders = 0
        self._has_waitaof = True
        self._asker = self._one_connection(self._greet)
        self._writer = RedisWriter(self._one_connection, self._greet, self._prefix + "writer", self._where)

    async def __aenter__(self) -> "RedisLog":
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._writer.close()
        await self._asker.aclose(close_connection_pool=True)
        await self._client.aclose()

    async def check(self) -> None:
        """Make sure that the server is there, lets us in, and can keep the promise of durability; be who writes.

        From here on another process that served this shard before changes nothing any more.
        Raises UnavailableError when it is not there (yet), TownletError when waiting will not help.
        """
        try:
            await self._client.ping()
            await self._check_durability()
            await self._writer.connect()
        except (TimeoutError, RedisError, OSError) as error:
            raise self._unavailable(error) from None

    async def ping(self) -> None:
        """Have the server answer."""
        await self._call(self._asker.ping())

    async def read_meta(self) -> Meta | None:
        """What the shard remembers, or None when nothing was ever written."""
        raw = await self._call(self._client.hgetall(self._prefix + "meta"))
        if not raw:
            return None
        text = {key.decode(): value.decode() for key, value in raw.items()}
        numbers = {name: int(text[name]) for name in ("stride", "next_order", "inserted", "sampled", "appended")}
        self._acknowledged_orders = numbers["next_order"]
        return Meta(digest=text["digest"], **numbers)

    async def read_producers(self) -> dict[str, Producer]:
        """Every actor's epoch and next sequence number."""
        raw = await self._call(self._client.hgetall(self._prefix + "producers"))
        return {actor.decode(): Producer(*map(int, value.split())) for actor, value in raw.items()}

    async def read_episodes(self) -> AsyncIterator[tuple[int, bytes]]:
        """Every episode held, in order, as (order number, records)."""
        orders = sorted(int(order) for order in await self._call(self._client.hkeys(self._prefix + "ids")))
        for at in range(0, len(orders), EPISODES_PER_READ):
            chunk = orders[at : at + EPISODES_PER_READ]
            values = await self._call(self._client.mget([f"{self._prefix}episode:{order}" for order in chunk]))
            for order, records in zip(chunk, values, strict=True):
                if records is None:
                    raise TownletError(
                        f"Redis at {self._where} lists episode {order} under {self._prefix}ids and does not hold it: "
                        "its data is damaged"
                    )
                yield order, records

    async def read(self, orders: Sequence[int]) -> AsyncIterator[StoredEpisode]:
        """These episodes, which are all held, with their IDs."""
        for at in range(0, len(orders), EPISODES_PER_READ):
            chunk = orders[at : at + EPISODES_PER_READ]
            names = await self._call(self._client.hmget(self._prefix + "ids", [str(order) for order in chunk]))
            values = await self._call(self._client.mget([f"{self._prefix}episode:{order}" for order in chunk]))
            for order, name, records in zip(chunk, names, values, strict=True):
                if name is None or records is None:
                    raise TownletError(
                        f"Redis at {self._where} does not hold episode {order} of {self._prefix}ids any more: "
                        "its data is damaged"
                    )
                yield StoredEpisode(order, name.decode(), records)

    async def read_taking_up(self) -> int | None:
        """The version that was being taken up when the shard died, so that what is held is of no use; else None."""
        version = await self._call(self._client.hget(self._prefix + "meta", "taking_up"))
        return None if version is None else int(version)

    async def replace_all(self, version: int, transactions: Iterator[Transaction]) -> None:
        """Hold what these transactions, of a version, say, and nothing of what was held. Safe to repeat."""
        meta = self._prefix + "meta"
        self._acknowledged_orders = 0
        await self._write(lambda pipe: pipe.hset(meta, "taking_up", str(version)))
        failpoint("replay.take_up.after_mark")
        orders = await self._call(self._client.hkeys(self._prefix + "ids"))
        for at in range(0, len(orders), EPISODES_PER_READ):
            chunk = [f"{self._prefix}episode:{int(order)}" for order in orders[at : at + EPISODES_PER_READ]]
            await self._write(lambda pipe, chunk=chunk: pipe.unlink(*chunk))  # type: ignore[misc]
        await self._write(lambda pipe: pipe.delete(self._prefix + "ids", self._prefix + "producers"))
        while (transaction := await asyncio.to_thread(next, transactions, None)) is not None:
            await self.commit(transaction)
        failpoint("replay.take_up.before_done")
        await self._write(lambda pipe: pipe.hdel(meta, "taking_up"))

    async def commit(self, transaction: Transaction) -> None:
        """Write the transaction, whole, and wait until it is as durable as configured. Safe to repeat."""
        confirmed = await self._write(lambda pipe: self._queue(pipe, transaction))
        if self._waits_for_file and confirmed[0] < 1:
            raise UnavailableError(
                f"Redis at {self._where} did not write to its append-only file within {FSYNC_WAIT_MS} ms"
            )
        self._check_replicas(confirmed)
        self._acknowledged_orders = transaction.meta.next_order

    def _queue(self, pipe: Any, transaction: Transaction) -> None:
        for order, _, records in transaction.episodes:
            pipe.set(f"{self._prefix}episode:{order}", records)
        if transaction.episodes:
            ids: dict[Any, Any] = {order: name for order, name, _ in transaction.episodes}
            pipe.hset(self._prefix + "ids", mapping=ids)
        if transaction.producers:
            states: dict[Any, Any] = {
                actor: f"{p.epoch} {p.next_sequence}" for actor, p in transaction.producers.items()
            }
            pipe.hset(self._prefix + "producers", mapping=states)
        if transaction.dropped:
            pipe.unlink(*(f"{self._prefix}episode:{order}" for order in transaction.dropped))
            pipe.hdel(self._prefix + "ids", *map(str, transaction.dropped))
        pipe.hset(self._prefix + "meta", mapping=dict[Any, Any](vars(transaction.meta)))

    async def _write(self, queue: Callable[[Any], object]) -> Any:
        """Have it written, and wait until it is as durable as configured; what is said of that, if it was asked."""
        answers = await self._call(self._writer.write(queue, *self._confirmations()))
        return answers[0] if answers else None

    def _confirmations(self) -> list[Command]:
        """What is asked after each write."""
        if self._waits_for_file:
            return [("WAITAOF", 1, self._replicas, FSYNC_WAIT_MS)]
        return [("WAIT", self._replicas, FSYNC_WAIT_MS)] if self._replicas else []

    @property
    def _waits_for_file(self) -> bool:
        """Whether each write is followed by a WAITAOF."""
        return self._durable and self._has_waitaof

    def _one_connection(self, greet: Greeting) -> redis.Redis:
        pool = self._client.connection_pool
        options = {**pool.connection_kwargs, "redis_connect_func": greet}
        return redis.Redis(
            connection_pool=redis.BlockingConnectionPool(
                max_connections=1, timeout=None, connection_class=pool.connection_class, **options
            )
        )

    def _check_replicas(self, answer: Any) -> None:
        """answer: to WAITAOF, or else to WAIT, if there was one."""
        if self._replicas and (found := answer[1] if self._waits_for_file else answer) < self._replicas:
            raise UnavailableError(
                f"Redis at {self._where}: expected {self._replicas} replicas (replay.redis_replicas) to have what is "
                f"acknowledged within {FSYNC_WAIT_MS} ms, found {found}"
            )

    def _follow_the_slot(self, pool: redis.ConnectionPool) -> None:
        """Each new connection goes to the node of the cluster that holds the shard then."""
        options = pool.connection_kwargs
        seed = (options.get("host", "localhost"), options.get("port", 6379))
        nodes = Nodes(seed, self._prefix, pool.connection_class, options)
        pool.connection_class = following(pool.connection_class, nodes, (AskError, ClusterError))

    async def _greet(self, connection: redis.Connection) -> None:
        """At every new connection: make sure that a server which was away still holds what had been acknowledged."""
        await connection.on_connect()
        if not self._durable or self._acknowledged_orders == 0:
            return
        held = int(await ask(connection, "HGET", self._prefix + "meta", "next_order") or 0)
        if held < self._acknowledged_orders:
            raise TownletError(
                f"Redis at {self._where} came back without acknowledged episodes: expected {self._acknowledged_orders} "
                f"under {self._prefix}meta next_order, found {held}; restore its append-only file, then start the "
                "shard again"
            )
        if not self._has_waitaof:
            self._check_fsync(await ask(connection, "CONFIG", "GET", "appendfsync"))

    async def _check_durability(self) -> None:
        if not self._durable:
            return
        info = await self._client.info("persistence")
        if not info.get("aof_enabled"):
            raise TownletError(
                f"Redis at {self._where} keeps no append-only file, which replay.durability: disk needs: start it with "
                "--appendonly yes, or set replay.durability: memory"
            )
        try:
            await self._client.waitaof(0, 0, 1)
        except ResponseError:
            self._has_waitaof = False
            client: Any = self._client  # the types of redis-py know no commands by name
            self._check_fsync(await client.execute_command("CONFIG", "GET", "appendfsync"))

    def _check_fsync(self, answer: Any) -> None:
        """answer: of CONFIG GET appendfsync, as a mapping or as a list."""
        policy = (list(answer.values()) if isinstance(answer, dict) else list(answer))[-1].decode()
        if policy != "always":
            raise TownletError(
                f"Redis at {self._where} has no WAITAOF, which replay.durability: disk needs: expected Redis 7.2, "
                f"Valkey 7.2 or newer, or else one that was started with --appendfsync always, found {policy}"
            )

    async def _call(self, answer: Any) -> Any:
        try:
            return await answer
        except (TimeoutError, RedisError, OSError) as error:
            raise self._unavailable(error) from None

    def _unavailable(self, error: BaseException) -> TownletError:
        """What a caller is told. Waiting mends neither a wrong user or password nor a wrong kind of server."""
        if isinstance(error.__cause__ or error, AuthenticationError):  # redis-py wraps it while it connects
            return TownletError(f"Redis at {self._where} refuses our user or password: {error}")
        if isinstance(error, MovedError) and not self._cluster:
            return TownletError(f"Redis at {self._where} is a node of a cluster: set replay.redis_cluster: true")
        if isinstance(error, ResponseError) and "cluster support disabled" in str(error):
            return TownletError(
                f"Redis at {self._where}: replay.redis_cluster: expected a node of a cluster, found none"
            )
        state = "is loading its data" if isinstance(error, BusyLoadingError) else f"does not serve us: {error}"
        return UnavailableError(f"Redis at {self._where} {state}")
