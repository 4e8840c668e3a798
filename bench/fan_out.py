"""Claim: with 1,000 subscribers behind relays, publishing costs the learner no more than with 10 of its own.

Beside it, in the same run: 1,000 subscribers of its own, 10 for each of which the policy is serialised anew, and what a
report and an acknowledgement of a member cost. Costs are seconds of CPU of the learner's side alone, as a process.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from bench.policy_source import RUN
from bench.rounds import Case, Options, Ratio, compare, options
from townlet.config_file import dump_config, load_config

CONFIG = Path("configs/three_meter.yaml")
FEW, PER_PROCESS = 10, 250
POLICIES = (("200 kB", 200_000, 1), ("10 MB", 10_000_000, 10))
"""Sizes, in words and in bytes, and how many times fewer subscribers: gRPC's clients keep some of what they got."""


class Talking:
    """A process that answers each line with a line."""

    def __init__(self, *command: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, order: str) -> None:
        """Send an order."""
        assert self.process.stdin is not None
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        """The next line."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "a process has ended"
        return line.strip()

    def told(self, order: str) -> str:
        """Its answer to an order."""
        self.ask(order)
        return self.answer()


class Topology:
    """A source and who follows it. latencies_s: from publishing to each subscriber, of the policy published last."""

    def __init__(self, source: Talking, clients: list[Talking]) -> None:
        self.latencies_s = np.zeros(1)
        self._source = source
        self._clients = clients

    def publish(self, size: int) -> float:
        """Seconds of the source's CPU for one policy, until everybody has it."""
        before_s = float(self._source.told("cpu"))
        published_s = float(self._source.told(f"publish {size}"))
        for clients in self._clients:
            clients.ask("policy")
        self.latencies_s = np.concatenate([json.loads(clients.answer()) for clients in self._clients]) - published_s
        return float(self._source.told("cpu")) - before_s

    def call(self, what: str, seconds: float) -> float:
        """Seconds of the source's CPU for one call of the clients."""
        before_s = float(self._source.told("cpu"))
        made = self.made(what, seconds)
        return (float(self._source.told("cpu")) - before_s) / made

    def made(self, what: str, seconds: float) -> int:
        """Calls that all clients have made in this time."""
        for clients in self._clients:
            clients.ask(f"{what} {seconds}")
        return sum(int(clients.answer()) for clients in self._clients)


@contextmanager
def topology(subscribers: int, relays: int = 0, how: str = "bytes", shard: str = "") -> Iterator[Topology]:
    """Its processes. relays: so many stand in between; 0 for none. shard: the address of one to append to."""
    processes: list[subprocess.Popen[Any]] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, ExitStack() as cleanup:
        cleanup.callback(_end, processes)
        source = Talking("bench.policy_source", how)
        processes.append(source.process)
        learner = source.answer()
        source.told("publish 1000")
        addresses = [learner]
        if relays:
            addresses = [_relay(Path(folder) / f"{number}", learner, processes) for number in range(relays)]
        clients = []
        count = subscribers // len(addresses) if relays else min(subscribers, PER_PROCESS)
        for at, first in enumerate(range(0, subscribers, count)):
            address = addresses[at % len(addresses)]
            words = (RUN, address, str(min(count, subscribers - first)), str(first), *([shard] if shard else []))
            clients.append(Talking("bench.light_clients", *words))
            processes.append(clients[-1].process)
        for each in clients:
            assert each.answer() == "ready"
        yield Topology(source, clients)


def _relay(folder: Path, learner: str, processes: list[subprocess.Popen[Any]]) -> str:
    """Start one; its address."""
    folder.mkdir()
    config = folder / "config.yaml"
    settings = [f"run.name={RUN}", f"learner.address={learner}", "relay.address=127.0.0.1:0"]
    config.write_text(dump_config(load_config(CONFIG, settings)))
    log = folder / "log"
    with log.open("wb") as out:
        processes.append(subprocess.Popen([sys.executable, "-m", "relay", str(config)], stdout=out, stderr=out))
    while '"serving"' not in log.read_text():
        assert processes[-1].poll() is None, log.read_text()
        time.sleep(0.1)
    serving = next(line for line in log.read_text().splitlines() if '"serving"' in line)
    return f"127.0.0.1:{json.loads(serving)['port']}"


def _end(processes: list[subprocess.Popen[Any]]) -> None:
    for process in processes:
        with process:
            process.kill()


def main() -> None:
    """Measure and print."""
    chosen = options(__doc__, subscribers=1000, relays=4, policies=len(POLICIES))
    for in_words, size, fewer in POLICIES[: chosen.policies]:
        _compare(in_words, size, chosen.subscribers // fewer, chosen)
    with topology(chosen.subscribers) as members:
        _calls(members, chosen)


def _compare(size_in_words: str, size: int, many: int, chosen: Options) -> None:
    """What a policy costs, with few and with many subscribers."""
    relays: int = chosen.relays
    with ExitStack() as stack:
        topologies = {
            f"{FEW} subscribers": stack.enter_context(topology(FEW)),
            f"{FEW}, serialised for each": stack.enter_context(topology(FEW, how="generated")),
            f"{many} subscribers": stack.enter_context(topology(many)),
            f"{many} behind {relays} relays": stack.enter_context(topology(many, relays)),
        }
        cases = [case for name, each in topologies.items() for case in _cases(name, each, size)]
        few, generated, direct, relayed = cases[::3]
        ratios = [
            Ratio(f"CPU: {many} behind relays / {FEW}", relayed.name, few.name),
            Ratio(f"CPU: {many} / {FEW}", direct.name, few.name),
            Ratio("CPU: serialised for each / once", generated.name, few.name),
        ]
        compare(f"fan-out of a policy of {size_in_words}", cases, ratios, chosen)


def _cases(name: str, measured: Topology, size: int) -> list[Case]:
    """The first one publishes; the others tell of the same policy."""

    def until(share: float) -> float:
        return 1e3 * float(np.quantile(measured.latencies_s, share))

    return [
        Case(f"{name}: learner's CPU", "ms", lambda: 1e3 * measured.publish(size)),
        Case(f"{name}: half have it", "ms", lambda: until(0.5)),
        Case(f"{name}: 95 % have it", "ms", lambda: until(0.95)),
    ]


def _calls(members: Topology, chosen: Options) -> None:
    def cost_us(what: str) -> Callable[[], float]:
        return lambda: 1e6 * members.call(what, chosen.seconds)

    cases = [Case(what, "us of CPU", cost_us(what)) for what in ("report", "acknowledge")]
    compare(f"a call of one of {chosen.subscribers:,} members", cases, [], chosen)


if __name__ == "__main__":
    main()
