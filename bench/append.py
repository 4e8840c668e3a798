"""Claim: one client appends at least 300,000 steps/s of L1 records, through gRPC, to durable.

Beside it, in the same run: the same episodes through gRPC to a server that drops them, and straight into Redis with its
append-only file on: the two limits of the path.
"""

import time
from pathlib import Path

import redis

from bench.dropping_server import dropping_server
from bench.rounds import Case, Ratio, arguments, compare
from bench.services import EPISODE_STEPS, appending, make_episode, replay_service
from townlet.records import RecordLayout
from townlet.worlds.build import world_spec

CONFIG = Path("configs/L1_full.yaml")
GROUP = 16
"""Episodes a request, about a megabyte."""


def main() -> None:
    """Measure and print."""
    options = arguments(__doc__)
    free = ("replay.samples_per_insert=null", "replay.capacity=500000")
    with replay_service(CONFIG, *free) as config, appending(config) as client, dropping_server() as drop:
        layout = RecordLayout.of(world_spec(config))
        episodes = [make_episode(layout, seed) for seed in range(GROUP)]
        server = redis.Redis.from_url(config.replay.redis_url)

        def durable() -> float:
            return rate(lambda: [client.append(episode) for episode in episodes], client.flush)

        def dropped() -> float:
            return rate(lambda: drop(b"".join(episodes)), lambda: None)

        def in_redis() -> float:
            return rate(lambda: store(server, episodes), lambda: None)

        def rate(append_group, finish) -> float:
            began, groups = time.perf_counter(), 0
            while time.perf_counter() - began < options.seconds:
                append_group()
                groups += 1
            finish()
            return groups * GROUP * EPISODE_STEPS / (time.perf_counter() - began)

        cases = [
            Case("append to durable", "steps/s", durable),
            Case("gRPC alone, dropped", "steps/s", dropped),
            Case("Redis alone, durable", "steps/s", in_redis),
        ]
        ratios = [
            Ratio("append / gRPC alone", "append to durable", "gRPC alone, dropped"),
            Ratio("append / Redis alone", "append to durable", "Redis alone, durable"),
        ]
        compare(f"append, {layout.stride} B records, episodes of {EPISODE_STEPS}", cases, ratios, options.rounds, options.json)


def store(server: redis.Redis, episodes: list[bytes]) -> None:
    """One durable transaction, as the replay service writes it."""
    pipe = server.pipeline(transaction=True)
    for at, episode in enumerate(episodes):
        pipe.set(f"bench:{at}", episode)
    pipe.execute()


if __name__ == "__main__":
    main()
