"""The two limits of the way that appended episodes take: bytes through gRPC, and bytes into Redis."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import redis

from bench.dropping_server import dropping_server
from bench.rounds import Case, calls_per_s
from townlet.config import Config


@contextmanager
def append_limits(config: Config, group: Sequence[bytes], steps: int, seconds: float) -> Iterator[list[Case]]:
    """gRPC alone, whose server drops what it gets, and the run's Redis alone, which makes it durable.

    group: episodes that are handed over at a time. steps: in all of them.
    """
    server = redis.Redis.from_url(str(config.replay.redis_url))
    with dropping_server() as drop:

        def case(name: str, work: Callable[[], object]) -> Case:
            return Case(name, "steps/s", lambda: steps * calls_per_s(work, seconds))

        message = b"".join(group)
        waiting = [drop(message)]

        def drop_group() -> None:
            """Two are on their way at a time."""
            waiting.append(drop(message))
            waiting.pop(0).result()

        def store_group() -> None:
            """One durable transaction, as the replay service writes it."""
            pipe = server.pipeline(transaction=True)
            for at, episode in enumerate(group):
                pipe.set(f"bench:{at}", episode)
            pipe.execute()

        yield [case("gRPC alone, dropped", drop_group), case("Redis alone, durable", store_group)]
        waiting.pop().result()
