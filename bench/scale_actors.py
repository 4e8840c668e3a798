"""Claim: one learner and one shard serve 1,000 actors, at the rates at which they serve ten.

From 1 to 1,000 light clients: each is an actor as far as the others can see, with connections of its own, that follows
the policies, reports, acknowledges what it acts with, and appends episodes, each call after the answer to the one
before. Reports and acknowledgements are work for the learner's event loop, which one caller without a pause keeps half
busy: the rates are level almost at once. An append waits for the disk, and those that come meanwhile go into the next
transaction together: the rate is proportional to the actors, and bends at some ten, where the shard and its clients
have no core left. A policy is copied into each connection: the time until all have it is proportional to them.
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
            "half have it": lambda count: _published(members[count]),
            "95 % have it": lambda count: _until(members[count], 0.95),
        }
        trace(f"a policy of {POLICY_BYTES:,} B to light actors", "actors", "ms", actors, policy, chosen)


def _published(members: Topology) -> float:
    """Publish; the ms until half of them have the policy."""
    members.publish(POLICY_BYTES)
    return _until(members, 0.5)


def _until(members: Topology, share: float) -> float:
    """The same of the policy published last, for another share."""
    return 1e3 * float(np.quantile(members.latencies_s, share))


if __name__ == "__main__":
    main()
