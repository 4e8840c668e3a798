"""Claim: one learner and one shard serve 1,000 actors, at the rates at which they serve ten.

From 1 to 1,000 light clients: each is an actor as far as the others can see, with connections of its own, that follows
the policies, reports, acknowledges what it acts with, and appends episodes, each call after the answer to the one
before. With a few, each waits for an answer while nobody else asks: the rates grow with the actors. They are level from
where the one event loop of learner or shard is busy, or the core beside it with the clients. Of appends a transaction
takes all that have come during the one before, so that the shard's rate grows on after the learner's. A policy is
copied into each connection: the time until all have it is proportional to them as soon as there are more than cores.
"""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from bench.curve import trace
from bench.descriptors import allow_many
from bench.fan_out import Topology, topology
from bench.policy_source import RUN
from bench.rounds import Options, options
from bench.services import replay_service

CONFIG = Path("configs/L1_full.yaml")
ACTORS = [1, 3, 10, 30, 100, 300, 1000]
POLICY_BYTES = 200_000


def main() -> None:
    """Measure and print."""
    allow_many()
    measure(ACTORS, options(__doc__, rounds=3))


def measure(actors: list[int], chosen: Options) -> None:
    """With each of these numbers of actors, at a learner of their own, and all at one shard."""
    overrides = (f"run.name={RUN}", "replay.samples_per_insert=null", "replay.capacity=500000")
    with replay_service(CONFIG, *overrides) as config, ExitStack() as stack:
        members = {count: stack.enter_context(topology(count, shard=config.replay.addresses[0])) for count in actors}

        def per_s(what: str) -> Callable[[int], float]:
            return lambda count: members[count].made(what, chosen.seconds) / chosen.seconds

        calls = {
            "reports": per_s("report"),
            "acknowledgements": per_s("acknowledge"),
            "appended episodes": per_s("append"),
        }
        trace("calls of light actors", "actors", "a second, in all", actors, calls, chosen)
        policy = {
            "half have it": lambda count: _until(members[count], 0.5),
            "95 % have it": lambda count: _until(members[count], 0.95),
        }
        trace(f"a policy of {POLICY_BYTES:,} B to light actors", "actors", "ms", actors, policy, chosen)


def _until(members: Topology, share: float) -> float:
    """Publish; the ms until that share of them have the policy."""
    members.publish(POLICY_BYTES)
    return 1e3 * float(np.quantile(members.latencies_s, share))


if __name__ == "__main__":
    main()
