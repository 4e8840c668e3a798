"""What Redis holds of a run, under the keys that replay_service/redis_log.py documents, and what a version holds."""

from collections.abc import Iterator
from typing import Any

import redis

from chaos.model import Held, Violation
from replay_service.versions import TakenUp
from townlet.checkpoint.store import VersionStore

READ_TIMEOUT_S = 5.0
EPISODES_PER_READ = 256


class ShardInRedis:
    """One shard's keys. Raises redis.RedisError while the server is away."""

    def __init__(self, url: str, run: str, shard: int) -> None:
        self._prefix = f"townlet:{{{run}/{shard}}}:"
        self._client = redis.Redis.from_url(url, socket_timeout=READ_TIMEOUT_S, socket_connect_timeout=READ_TIMEOUT_S)

    def close(self) -> None:
        """Give the connection back."""
        self._client.close()

    def producers(self) -> dict[str, tuple[int, int]]:
        """Epoch and next sequence number of each actor."""
        raw: Any = self._client.hgetall(self._prefix + "producers")
        found = {actor.decode(): value.split() for actor, value in raw.items()}
        return {actor: (int(epoch), int(following)) for actor, (epoch, following) in found.items()}

    def episodes(self) -> Iterator[Held]:
        """All of them, in order."""
        raw: Any = self._client.hgetall(self._prefix + "ids")
        ids = {int(order): name.decode() for order, name in raw.items()}
        orders = sorted(ids)
        for at in range(0, len(orders), EPISODES_PER_READ):
            chunk = orders[at : at + EPISODES_PER_READ]
            values: Any = self._client.mget([f"{self._prefix}episode:{order}" for order in chunk])
            for order, records in zip(chunk, values, strict=True):
                yield Held(order, ids[order], records or b"")

    def check(self, held: list[Held]) -> list[Violation]:
        """Whether the shard's books agree with its episodes, none of which has been dropped."""
        raw: Any = self._client.hgetall(self._prefix + "meta")
        meta = {name.decode(): value.decode() for name, value in raw.items()}
        wrong = [
            f"meta {name} is {meta.get(name)}, and {len(held)} episodes are held"
            for name in ("appended", "next_order")
            if meta.get(name) != str(len(held))
        ]
        if "taking_up" in meta:
            wrong.append(f"version {meta['taking_up']} is still being taken up")
        for actor, (epoch, following) in self.producers().items():
            there = sum(episode.producer == (actor, epoch) for episode in held)
            if there != following:
                wrong.append(f"{actor}, epoch {epoch}: next is {following}, and {there} episodes are held")
        stored = {bytes(key) for key in self._client.scan_iter(self._prefix + "episode:*", count=1000)}
        if len(stored) != len(held):
            wrong.append(f"{len(stored)} episodes are stored, and {len(held)} have an ID")
        return [Violation("books", f"{self._prefix} {what}") for what in wrong]


def held_by_version(store: VersionStore, version: int, shard: int) -> list[Held]:
    """All episodes of a shard that a version holds. Raises CheckpointError when it is damaged."""
    component = f"replay-{shard}"
    taken = TakenUp(store.open(version, component), component)
    return [Held(episode.order, episode.name, bytes(episode.records)) for episode in taken.episodes()]
