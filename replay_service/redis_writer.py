"""The one connection that may write what a shard holds in Redis, so that no write is carried out after later ones.

redis-py's parts come as arguments.
"""

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from townlet.errors import TownletError

Command = tuple[str | int, ...]
Greeting = Callable[[Any], Awaitable[None]]


class RedisWriter:
    """Never two connections at once. Each new one sets `key`, which those before it watch: then they change nothing.

    make_client: of a client with one connection, and what is to be called with each new one.
    greet: is called then, too, before. key: names the connection that may write. where: the server, for messages.
    """

    def __init__(self, make_client: Callable[[Greeting], Any], greet: Greeting, key: str, where: str) -> None:
        self._greet = greet
        self._key = key
        self._where = where
        self._us = uuid.uuid4().hex
        self._writing_as = b""
        self._client = make_client(self._begin_to_write)

    async def close(self) -> None:
        """Give the connection back."""
        await self._client.aclose(close_connection_pool=True)

    async def connect(self) -> None:
        """Be who writes, from here on."""
        await self._client.ping()

    async def write(self, queue: Callable[[Any], object], *then: Command) -> list[Any]:
        """Carry out what `queue` puts into a pipeline, whole or not at all, then the commands `then`; their answers.

        Raises TownletError, and then nothing is written, when another process has begun to write.
        """
        pipe: Any = self._client.pipeline(transaction=False)  # one round trip; MULTI and EXEC are spelled out
        pipe.execute_command("MULTI")
        queue(pipe)
        written = len(pipe)
        pipe.execute_command("EXEC")
        pipe.execute_command("watch", self._key)  # for the next time; in capitals redis-py would end it at once
        pipe.execute_command("GET", self._key)
        for command in then:
            pipe.execute_command(*command)
        results: list[Any] = await pipe.execute()
        done, _, writer, *answers = results[written:]
        if done is None or writer != self._writing_as:
            raise self._replaced()
        return answers

    async def _begin_to_write(self, connection: Any) -> None:
        await self._greet(connection)
        last = await ask(connection, "GET", self._key)
        if self._writing_as and last is not None and not last.startswith(self._us.encode()):
            raise self._replaced()
        self._writing_as = f"{self._us} {uuid.uuid4().hex}".encode()
        await ask(connection, "SET", self._key, self._writing_as)
        await ask(connection, "WATCH", self._key)

    def _replaced(self) -> TownletError:
        return TownletError(
            f"Redis at {self._where}: another process writes to {self._key.removesuffix('writer')}*, and this one does "
            "not any more: expected one process for each shard"
        )


async def ask(connection: Any, *command: str | bytes) -> Any:
    """The answer to one command, on a connection that nobody else uses now."""
    await connection.send_command(*command)
    return await connection.read_response()
