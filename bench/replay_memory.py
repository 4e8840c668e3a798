"""Claim: a full shard that serves takes less than 15 % more memory than its records, above what an empty one takes.

Records of four kinds: transitions, also prioritized in episodes of 50 steps, sequences of R2D2 with their recurrent
state, and pixels. Each shard has just taken episodes and answered samples for --seconds, so that what it keeps for its
work counts. Resident is all that the system says of the process, libraries included; the arena is what the records
take. Redis holds them in a process of its own. The empty shard is the interpreter with numpy, gRPC and what else is
imported: it has a connection, and no episode yet.
"""

from dataclasses import replace
from pathlib import Path

from bench.replay_race import PRIORITIZED, UNIFORM, WORKS, Work, ours
from bench.rounds import Case, Options, Ratio, compare, options
from bench.services import appending, replay_services

MIB = 2**20
TRANSITIONS = replace(WORKS["transitions"], capacity=2_000_000)
KINDS = {
    "transitions": TRANSITIONS,
    "prioritized transitions, episodes of 50": replace(TRANSITIONS, prioritized=True, episode_steps=50),
    "R2D2 sequences": replace(WORKS["R2D2 sequences"], capacity=10_000),
    "pixels": replace(WORKS["pixels"], capacity=1_000),
}


def main() -> None:
    """Measure and print."""
    chosen = options(__doc__, rounds=3)
    for name, work in KINDS.items():
        measure(name, work, chosen)


def measure(name: str, work: Work, chosen: Options) -> None:
    """One kind of records, in a shard beside an empty one."""
    config = PRIORITIZED if work.prioritized else UNIFORM
    records = work.capacity * work.steps
    with (
        ours(work) as mine,
        replay_services(config, f"replay.capacity={records}") as empty,
        appending(empty.config),
    ):
        arena = records * mine.stride / MIB

        def busy() -> float:
            mine.insert(chosen.seconds)
            mine.sample(chosen.seconds)
            found["shard"] = resident(mine.shard.pid)
            return found["shard"]

        def idle() -> float:
            found["empty"] = resident(empty.shards[0].pid)
            return found["empty"]

        found: dict[str, float] = {}
        above, above_both = "above the arena", "above the arena and an empty shard"
        cases = [
            Case("resident", "MiB", busy),
            Case("an empty shard", "MiB", idle),
            Case("arena", "MiB", lambda: arena),
            Case(above, "MiB", lambda: found["shard"] - arena),
            Case(above_both, "MiB", lambda: found["shard"] - arena - found["empty"]),
        ]
        ratios = [Ratio(f"{each} / arena", each, "arena") for each in (above, above_both)]
        compare(f"memory: {name}, {records:,} records of {mine.stride} B", cases, ratios, chosen)


def resident(pid: int) -> float:
    """MiB of a process that are in memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) * 1024 / MIB


if __name__ == "__main__":
    main()
