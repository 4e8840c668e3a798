"""Finds the node of a Redis Cluster that holds a shard, for each new connection. redis-py's parts come as arguments."""

from collections.abc import Mapping, Sequence
from typing import Any

from townlet.errors import UnavailableError

Place = tuple[str, int]
"""Host and port."""


class Nodes:
    """What is known of a cluster. seed: the node that the configuration names. key: of the slot that is looked for.

    kind: the class of a connection to one node, made with `options`.
    """

    def __init__(self, seed: Place, key: str, kind: Any, options: Mapping[str, Any]) -> None:
        self._seed = seed
        self._key = key
        self._kind = kind
        self._options = {**options, "redis_connect_func": None}
        self._known = [seed]

    async def primary(self) -> Place:
        """Who holds the slot, as the node says that held it last; should that one fail, the next is asked next time."""
        asked = self._known.pop(0)
        self._known.append(asked)
        connection = self._kind(**{**self._options, "host": asked[0], "port": asked[1]})
        try:
            slot = await _ask(connection, "CLUSTER", "KEYSLOT", self._key)
            slots = await _ask(connection, "CLUSTER", "SLOTS")
        finally:
            await connection.disconnect()
        found = nodes_of(slots, asked, slot)
        self._known = list(dict.fromkeys([*found, self._seed]))
        return found[0]


def following(kind: Any, nodes: Nodes, redirections: tuple[type[Exception], ...]) -> Any:
    """A class of connections that go to whoever holds the slot then, and end when they are told that it is elsewhere.

    redirections: what says so. Whoever was using the connection sees it broken, and repeats what he did on a new one.
    """

    class Following(kind):  # type: ignore[misc]  # a class of redis-py
        async def connect_check_health(self, *arguments: Any, **options: Any) -> None:
            if not self.is_connected:
                self.host, self.port = await nodes.primary()
            await super().connect_check_health(*arguments, **options)

        async def read_response(self, *arguments: Any, **options: Any) -> Any:
            try:
                return await super().read_response(*arguments, **options)
            except redirections:
                await self.disconnect()
                raise

    return Following


def nodes_of(slots: Sequence[Any], asked: Place, slot: int) -> list[Place]:
    """All nodes that an answer to CLUSTER SLOTS names, the primary of `slot` first. asked: who gave the answer.

    slots: [first slot, last slot, primary, replica ...] for each range; of a node, [host, port, ...], without a host
    when it is the one that was asked. Raises UnavailableError while nobody serves the slot.
    """
    primary = [_place(nodes[0], asked) for first, last, *nodes in slots if first <= slot <= last]
    if not primary:
        raise UnavailableError(f"the node of the Redis Cluster at {asked[0]}:{asked[1]} knows nobody for slot {slot}")
    named = [_place(node, asked) for _, _, *nodes in slots for node in nodes]
    return list(dict.fromkeys([*primary, *named]))


def _place(node: Sequence[Any], asked: Place) -> Place:
    host = node[0].decode() if isinstance(node[0], bytes) else node[0]
    return (asked[0] if host in (None, "", "?") else host), int(node[1])


async def _ask(connection: Any, *command: str) -> Any:
    await connection.connect()
    await connection.send_command(*command)
    return await connection.read_response()
