"""Claim: 8 actors act with a policy of 10 MB within 100 ms (95 %), within 3 times what copying its bytes takes.

From before the learner encodes its networks until the last of the actors, each a process with the watcher and the agent
of an actor, has loaded the parameters into its own. Beside it, in the same run, the same number of bytes from one
process to 8 through plain sockets. One policy after the other, so that none is skipped.

That is on two cores, and it is CPU that takes the time: of some 70 ms in all the learner's process needs 24, to encode
and wrap both networks and then 2 for each subscriber, which gRPC needs to copy and send, and each actor 6, to receive
and load them. A plain copy takes 1 ms on each side.
"""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from bench.fan_out import Talking
from bench.policy_networks import network_of
from bench.policy_source import RUN
from bench.rounds import Case, Options, Ratio, compare, options
from townlet.policy import encode_weights

ACTORS = 8
SIZE = 10_000_000
LEAST = 8
"""Policies a round."""


class Broadcast:
    """One after the other to all followers. What is kept is of the policies of the last round, [K, followers]."""

    def __init__(self, followers: list[Talking], publish: Callable[[int], float]) -> None:
        self.come_s = self.applied_s = np.zeros((1, 1))
        self.cpu_s = 0.0
        self._followers = followers
        self._publish = publish
        self._cpu_before_s = 0.0

    def round(self, size: int, seconds: float) -> None:
        """Publish so many bytes, again and again, for so long."""
        until_s = time.monotonic() + seconds
        rows: list[list[tuple[float, float]]] = []
        while len(rows) < LEAST or time.monotonic() < until_s:
            published_s = self._publish(size)
            answers = [list(map(float, follower.answer().split())) for follower in self._followers]
            rows.append([(come_s - published_s, applied_s - published_s) for come_s, applied_s, _ in answers])
        used_s = sum(cpu_s for _, _, cpu_s in answers)
        self.cpu_s, self._cpu_before_s = (used_s - self._cpu_before_s) / (len(rows) * len(answers)), used_s
        self.come_s, self.applied_s = np.array(rows)[..., 0], np.array(rows)[..., 1]

    def ms(self, share: float) -> float:
        """Within which that share of the policies had been applied by all."""
        return 1e3 * float(np.quantile(self.applied_s.max(axis=1), share))


@contextmanager
def policies(sizes: Sequence[int], actors: int) -> Iterator[tuple[Broadcast, Talking]]:
    """Of about these sizes, from the learner's side, a process, to actors. Beside it the former."""
    with ExitStack() as cleanup:
        source = _talking(cleanup, "bench.policy_source", "bytes")
        address = source.answer()
        source.told(f"network {sizes[0]}")
        words = (address, RUN, *map(str, sizes))
        followers = [_talking(cleanup, "bench.policy_follower", *words) for _ in range(actors)]
        for each in followers:
            assert each.answer() == "ready"
        yield Broadcast(followers, lambda size: float(source.told(f"network {size}"))), source


@contextmanager
def copies(actors: int) -> Iterator[Broadcast]:
    """Of bytes, through sockets."""
    with ExitStack() as cleanup:
        listener = cleanup.enter_context(socket.create_server(("127.0.0.1", 0), backlog=actors))
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        followers = [_talking(cleanup, "bench.plain_copier", address) for _ in range(actors)]
        connections = [cleanup.enter_context(listener.accept()[0]) for _ in followers]
        for each in followers:
            assert each.answer() == "ready"

        def publish(size: int) -> float:
            began_s = time.monotonic()
            content = size.to_bytes(8, "little") + bytes(size)
            for connection in connections:
                connection.sendall(content)
            return began_s

        yield Broadcast(followers, publish)


def _talking(cleanup: ExitStack, *command: str) -> Talking:
    process = Talking(*command)
    cleanup.callback(_end, process.process)
    return process


def _end(process: "subprocess.Popen[Any]") -> None:
    with process:
        process.kill()


def main() -> None:
    """Measure and print."""
    measure(SIZE, ACTORS, options(__doc__))


def measure(size: int, actors: int, chosen: Options) -> None:
    """A policy of about `size` bytes."""
    exact = len(encode_weights(network_of(size)))
    with policies([size], actors) as (ours, source), copies(actors) as plain:
        before_s = [0.0]

        def broadcast() -> float:
            before_s[0] = float(source.told("cpu"))
            ours.round(size, chosen.seconds)
            return ours.ms(0.5)

        def learner_ms() -> float:
            return 1e3 * (float(source.told("cpu")) - before_s[0]) / len(ours.applied_s)

        def copied() -> float:
            plain.round(exact, chosen.seconds)
            return plain.ms(0.5)

        cases = [
            Case(f"half within, all {actors}", "ms", broadcast),
            Case(f"95 % within, all {actors}", "ms", lambda: ours.ms(0.95)),
            Case(
                "an actor: from having it to acting with it",
                "ms",
                lambda: 1e3 * float(np.median(ours.applied_s - ours.come_s)),
            ),
            Case("learner's CPU a policy", "ms", learner_ms),
            Case("actor's CPU a policy", "ms", lambda: 1e3 * ours.cpu_s),
            Case("half within, plain sockets", "ms", copied),
            Case("95 % within, plain sockets", "ms", lambda: plain.ms(0.95)),
            Case("copier's CPU a policy", "ms", lambda: 1e3 * plain.cpu_s),
        ]
        ratios = [
            Ratio("half: policies / plain sockets", cases[0].name, cases[5].name),
            Ratio("95 %: policies / plain sockets", cases[1].name, cases[6].name),
        ]
        compare(f"broadcast: a policy of {exact:,} B to {actors} actors", cases, ratios, chosen)


if __name__ == "__main__":
    main()
