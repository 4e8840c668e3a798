"""One actor that only follows the policies: `python -m bench.policy_follower ADDRESS RUN SIZE ...`.

It takes policies of about SIZE bytes, or of each of several sizes, up as an actor does, with watcher and agent. Says
`ready` once it acts with one, and then, of each further one, a line: by the monotonic clock the times at which it had
come and at which the agent acted with it, and the seconds of CPU that it has used.
"""

import os
import sys
import threading
import time
from collections.abc import Sequence

import torch

from actor.agent import Agent
from actor.policy_watcher import PolicyWatcher
from bench.policy_networks import network_of
from protos import policy_pb2
from townlet.arithmetic import calculate
from townlet.heap import reuse_memory
from townlet.policy import encode_weights
from townlet.subscribe_call import ReceivedPolicy

LANES = 64


def follow(address: str, run: str, sizes: Sequence[int]) -> None:
    """Policies, until the process is ended."""
    reuse_memory()
    calculate(threads=1)
    networks = [network_of(size) for size in sizes]
    agents = {len(encode_weights(network)): Agent(network, LANES, 0, torch.Generator()) for network in networks}
    come_s = 0.0

    def note() -> None:
        nonlocal come_s
        come_s = time.monotonic()

    def adopt(policy: ReceivedPolicy) -> None:
        agents[len(policy.weights)].adopt(policy)

    weights = policy_pb2.WEIGHTS_ONLINE
    with PolicyWatcher(address, run, f"actor-{os.getpid()}", weights, threading.Event(), None, note) as policies:
        first = policies.wait()
        assert first is not None
        adopt(first)
        print("ready", flush=True)
        while (policy := policies.wait()) is not None:
            adopt(policy)
            print(come_s, time.monotonic(), time.process_time(), flush=True)


if __name__ == "__main__":
    follow(sys.argv[1], sys.argv[2], [int(size) for size in sys.argv[3:]])
