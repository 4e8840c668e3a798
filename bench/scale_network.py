"""Claim: above a megabyte a policy takes as long as its bytes: publishing and applying are proportional to them.

From 0.1 to 60 MB, to two actors as in `broadcast`, with the plain sockets beside: a message takes at most 64 MiB. A
small policy takes what each message costs, threads that wake, frames of gRPC and a look at each tensor: to load one
takes 0.5 ms of CPU at 0.1 MB and 1 ms at 1 MB. The curve bends at a megabyte, where copying counts, 6 ms at 10 MB: each
byte is copied when it is encoded, when it is made a message, for each subscriber when gRPC takes it and the network
sends it, and when the actor parses it and loads its network. On a machine that others keep busy a small policy fits
into one turn of a process, while a large one waits for several: there it bends at the same place the other way.
"""

from collections.abc import Callable

import numpy as np

from bench.broadcast import Broadcast, copies, policies
from bench.curve import trace
from bench.rounds import Options, options

SIZES = [100_000, 300_000, 1_000_000, 3_000_000, 10_000_000, 30_000_000, 60_000_000]
ACTORS = 2


def main() -> None:
    """Measure and print."""
    measure(SIZES, options(__doc__, rounds=3))


def measure(sizes: list[int], chosen: Options) -> None:
    """Of each of these sizes."""
    with policies(sizes, ACTORS) as (ours, _), copies(ACTORS) as plain:

        def half(broadcast: Broadcast) -> Callable[[int], float]:
            def measured(size: int) -> float:
                broadcast.round(size, chosen.seconds)
                return broadcast.ms(0.5)

            return measured

        lines = {
            "published and applied": half(ours),
            "of that, applied": lambda _: 1e3 * float(np.median(ours.applied_s - ours.come_s)),
            "plain sockets": half(plain),
        }
        trace(f"a policy to {ACTORS} actors", "bytes", "ms, half within", sizes, lines, chosen)


if __name__ == "__main__":
    main()
