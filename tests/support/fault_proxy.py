"""A TCP proxy that does to connections what networks do: cut them without a word, delay them, reset them."""

import asyncio
import random
import socket
import struct
from collections.abc import Callable

from townlet.rpc import LoopThread

CHUNK_BYTES = 2**16
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of a socket that ends with a reset."""


Late = asyncio.Queue[tuple[float, bytes]]
"""Pieces on their way, and when they arrive; an empty one is the last."""


class Link:
    """One connection that passes through. through: clear while nothing does."""

    def __init__(self, client: socket.socket) -> None:
        self.through = asyncio.Event()
        self.sockets = [client]

    def close(self, *, reset: bool = False) -> None:
        for each in self.sockets:
            if reset:
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            each.close()


class FaultProxy:
    """Stands before `target`, a host:port or the path of a unix socket. Use as a context manager.

    latency_s: in each direction. reset_chance: of each piece that is forwarded, that it is a reset instead.
    resets: how many there were. carried: bytes that were forwarded.
    """

    def __init__(self, target: str, latency_s: float = 0.0, reset_chance: float = 0.0, seed: int = 0) -> None:
        self.latency_s = latency_s
        self.reset_chance = reset_chance
        self.resets = 0
        self.carried = 0
        self._target = target
        self._random = random.Random(seed)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._listener.setblocking(False)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._links: set[Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = LoopThread("proxy")

    def __enter__(self) -> "FaultProxy":
        self._thread.__enter__()
        self._thread.run(self._open())
        return self

    def __exit__(self, *exception: object) -> None:
        self._thread.run(self._end())
        self._thread.__exit__(*exception)
        self._listener.close()

    @property
    def links(self) -> int:
        """Connections that are open."""
        return len(self._links)

    def cut(self) -> None:
        """From now on nothing passes, and nobody is told: connections stay open, new ones are never answered."""
        self._do(self._cut)

    def heal(self, *, old: bool = True) -> None:
        """Everything passes again, also what was sent meanwhile. old: whether also in connections from before."""
        self._do(lambda: self._heal(old))

    def _do(self, work: Callable[[], None]) -> None:
        async def now() -> None:
            work()

        self._thread.run(now())

    def _cut(self) -> None:
        self._passing.clear()
        for link in self._links:
            link.through.clear()

    def _heal(self, old: bool) -> None:
        self._passing.set()
        for link in self._links if old else ():
            link.through.set()

    async def _open(self) -> None:
        self._passing = asyncio.Event()
        self._passing.set()
        self._spawn(self._accept())

    async def _end(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for link in tuple(self._links):
            link.close()

    def _spawn(self, work) -> "asyncio.Task[None]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _accept(self) -> None:
        while True:
            client, _ = await asyncio.get_running_loop().sock_accept(self._listener)
            await self._passing.wait()
            self._spawn(self._carry(client))

    async def _carry(self, client: socket.socket) -> None:
        link = Link(client)
        link.through.set()
        self._links.add(link)
        try:
            server = await self._dial()
            link.sockets.append(server)
            await self._both_ways(link, client, server)
        except OSError:
            link.close(reset=True)
        finally:
            link.close()
            self._links.discard(link)

    async def _both_ways(self, link: Link, client: socket.socket, server: socket.socket) -> None:
        """Until both ends have said all they have, or one of them is reset: raises OSError."""
        ways = ((client, server), (server, client))
        late: list[Late] = [asyncio.Queue(64) for _ in ways]
        work = [self._receive(queue, source) for queue, (source, _) in zip(late, ways, strict=True)]
        work += [self._send(link, queue, sink) for queue, (_, sink) in zip(late, ways, strict=True)]
        tasks = [self._spawn(each) for each in work]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _dial(self) -> socket.socket:
        is_path = self._target.startswith("/")
        server = socket.socket(socket.AF_UNIX if is_path else socket.AF_INET)
        server.setblocking(False)
        host, _, port = self._target.rpartition(":")
        try:
            await asyncio.get_running_loop().sock_connect(server, self._target if is_path else (host, int(port)))
        except BaseException:
            server.close()
            raise
        return server

    async def _receive(self, late: Late, source: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while data := await loop.sock_recv(source, CHUNK_BYTES):
            await late.put((loop.time() + self.latency_s, data))
        await late.put((loop.time() + self.latency_s, b""))

    async def _send(self, link: Link, late: Late, sink: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due_s, data = await late.get()
            await asyncio.sleep(max(0.0, due_s - loop.time()))
            await link.through.wait()
            if not data:
                sink.shutdown(socket.SHUT_WR)
                return
            if self._random.random() < self.reset_chance:
                self.resets += 1
                raise ConnectionResetError
            await loop.sock_sendall(sink, data)
            self.carried += len(data)
