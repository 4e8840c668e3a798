"""Claim: one client appends at least 300,000 steps/s of L1 records, through gRPC, to durable.

Beside it, in the same run: the same bytes through gRPC to a server that drops them, and straight into Redis with its
append-only file on: the two limits of the path.
"""

from pathlib import Path

from bench.append_limits import append_limits
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
    with replay_service(CONFIG, *overrides) as config, appending(config) as client:
        layout = RecordLayout.of(world_spec(config))
        episodes = [make_episode(layout, seed) for seed in range(GROUP)]

        def append_group() -> None:
            for episode in episodes:
                client.append(episode)

        ours = Case(
            "append to durable", "steps/s", lambda: STEPS * calls_per_s(append_group, chosen.seconds, client.flush)
        )
        with append_limits(config, episodes, STEPS, chosen.seconds) as limits:
            grpc, redis = (limit.name for limit in limits)
            ratios = [Ratio("append / gRPC alone", ours.name, grpc), Ratio("append / Redis alone", ours.name, redis)]
            title = f"append: records of {layout.stride} B, episodes of {EPISODE_STEPS} steps"
            compare(title, [ours, *limits], ratios, chosen)


if __name__ == "__main__":
    main()
