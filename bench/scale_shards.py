"""Claim: two shards take at least 1.3 times as much as one; more take and serve more where there are cores for them.

One to four shards in front of one Redis, each with an actor that appends durably and a learner's connection that
samples, all at once from one process: the transitions of `replay_race`. A shard is a process with one event loop, and
shares nothing but Redis with the others: so both rates grow with the shards until shards, Redis and clients keep the
cores busy. On two cores those who append are held up by the disk until there are two shards; there the curve bends. A
shard that is sampled from and its client keep both cores busy by themselves: more of them only share what there is.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from bench.curve import trace
from bench.replay_race import UNIFORM, WORKS, Ours, Work, layout_of
from bench.rounds import Options, options
from bench.services import appending, replay_services
from townlet.arithmetic import calculate

SHARDS = [1, 2, 3, 4]
WORK = replace(WORKS["transitions"], capacity=100_000)
"""Of each shard."""


def main() -> None:
    """Measure and print."""
    chosen = options(__doc__, rounds=3)
    calculate(threads=1)
    measure(SHARDS, WORK, chosen)


def measure(shards: list[int], work: Work, chosen: Options) -> None:
    """With each of these numbers of shards."""
    with ExitStack() as stack:
        served = {count: stack.enter_context(clients(count, work)) for count in shards}
        threads = stack.enter_context(ThreadPoolExecutor(max(shards)))

        def together(work: Callable[[Ours], float]) -> Callable[[int], float]:
            return lambda count: sum(threads.map(work, served[count]))

        lines = {
            "steps appended": together(lambda mine: mine.insert(chosen.seconds)),
            "transitions sampled": together(lambda mine: mine.sample(chosen.seconds)),
        }
        trace("shards of one replay", "shards", "a second, of all", shards, lines, chosen)


@contextmanager
def clients(shards: int, work: Work) -> Iterator[list[Ours]]:
    """One for each of so many shards, filled."""
    addresses = ",".join(["127.0.0.1:0"] * shards)
    overrides = (
        *(f"replay.addresses=[{addresses}]", f"actor.count={shards}"),
        *("replay.samples_per_insert=null", f"replay.capacity={shards * work.capacity}"),
    )
    layout = layout_of(work)
    with replay_services(UNIFORM, *overrides) as services, ExitStack() as stack:
        actors = [stack.enter_context(appending(services.config, layout, shard)) for shard in range(shards)]
        mine = [Ours(work, services, client, layout, shard) for shard, client in enumerate(actors)]
        for each in mine:
            each.fill()
            each.sample(0.0)  # connects
        yield mine


if __name__ == "__main__":
    main()
