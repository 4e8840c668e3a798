"""Claim: lane-steps/s of the Hamlet world grow with its lanes until the work of a step counts; then they are level.

From 1 to 65,536 lanes of L3's rules with masks on one thread, with the choice of random valid actions. A step is some
hundreds of small operations of torch, half a millisecond in all for one lane as for sixty: there the rate is almost
proportional to the lanes. It bends at some 16,000, where the state leaves the cache of the core and the operations
themselves take all the time. Beside it a copy of the bytes of the same lanes' state, which shows the call alone at
first, then the caches, then the memory.
"""

from collections.abc import Callable
from functools import cache

from bench.curve import trace
from bench.rounds import Options, calls_per_cpu_s, options
from bench.world_step import copier, stepper
from townlet.arithmetic import calculate

LANES = [4**power for power in range(9)]


def main() -> None:
    """Measure and print."""
    chosen = options(__doc__, rounds=3)
    calculate(threads=1)
    measure(LANES, chosen)


def measure(lanes: list[int], chosen: Options) -> None:
    """At each of these numbers of lanes."""

    def per_s(make: Callable[[int], Callable[[], None]]) -> Callable[[int], float]:
        made = cache(make)
        return lambda count: count * calls_per_cpu_s(made(count), chosen.seconds)

    lines = {
        "step": per_s(lambda count: stepper("classic", count)),
        "copy of the state": per_s(copier),
    }
    trace("one world on one core", "lanes", "lane-steps/s of CPU", lanes, lines, chosen)


if __name__ == "__main__":
    main()
