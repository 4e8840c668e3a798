"""Claim: one client appends at least 300,000 steps/s of L1 records, through gRPC, to durable.

Beside it, in the same run: the same bytes through gRPC to a server that drops them, and straight into Redis with its
append-only file on: the two limits of the path.
"""

from collections import deque
from pathlib import Path

import redis

from bench.dropping_server import dropping_server
from bench.rounds import Case, Ratio, calls_per_s, compare, options
from bench.services import EPISODE_STEPS, appending, make_episode, replay_service
from townlet.records import RecordLayout
from townlet.worlds.build import world_spec

CONFIG = Path("configs/L1_full.yaml")
GROUP = 16
"""Episodes handed over at a time, about a megabyte."""
STEPS = GROUP * EPISODE_STEPS


def main() -> None:
    """Measure and print."""
    chosen = options(__doc__)
    overrides = ("replay.samples_per_insert=null", "replay.capacity=500000")
    with replay_service(CONFIG, *overrides) as config, appending(config) as client, dropping_server() as drop:
        layout = RecordLayout.of(world_spec(config))
        episodes = [make_episode(layout, seed) for seed in range(GROUP)]
        message = b"".join(episodes)
        server = redis.Redis.from_url(str(config.replay.redis_url))

        def append_group() -> None:
            for episode in episodes:
                client.append(episode)

        waiting = deque([drop(message)])

        def drop_group() -> None:
            waiting.append(drop(message))
            waiting.popleft().result()

        def store_group() -> None:
            """One durable transaction, as the replay service writes it."""
            pipe = server.pipeline(transaction=True)
            for at, episode in enumerate(episodes):
                pipe.set(f"bench:{at}", episode)
            pipe.execute()

        cases = [
            Case(
                "append to durable", "steps/s", lambda: STEPS * calls_per_s(append_group, chosen.seconds, client.flush)
            ),
            Case("gRPC alone, dropped", "steps/s", lambda: STEPS * calls_per_s(drop_group, chosen.seconds)),
            Case("Redis alone, durable", "steps/s", lambda: STEPS * calls_per_s(store_group, chosen.seconds)),
        ]
        ratios = [
            Ratio("append / gRPC alone", cases[0].name, cases[1].name),
            Ratio("append / Redis alone", cases[0].name, cases[2].name),
        ]
        compare(f"append: records of {layout.stride} B, episodes of {EPISODE_STEPS} steps", cases, ratios, chosen)
        waiting.popleft().result()


if __name__ == "__main__":
    main()
