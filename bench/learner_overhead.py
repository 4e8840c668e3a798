"""Claim: the learner makes at least 0.87 of the updates through the services that it makes on a batch in memory.

Both are measured in turn in one process, which has a core to itself. On the other cores the rest of a run goes on all
the time: an actor that steps as fast as it can, the replay service that takes its episodes, and Redis. A batch that was
used just before is in the core's cache, where no learner's next batch is: measured beside are batches in memory each of
which is another one. What is lost is the work of other threads on the learner's core: about 0.09 ms to receive and
unpack a batch of 75 KB, and 1.4 ms for a call, which brings 32 of them.
"""

import os
import sys
import threading
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from subprocess import Popen

import numpy as np
import torch

from bench.rounds import Case, Options, Ratio, calls_per_s, compare, options
from bench.services import replay_service
from learner.build import build_assembly, build_loss, build_sample_client
from learner.front import Front
from learner.meter import Meter
from learner.service import LearnerService
from learner.share import AnyBatch
from learner.update import QLearning
from townlet.arithmetic import calculate
from townlet.networks.build import build_network
from townlet.records import RecordLayout
from townlet.run_folder import RunFolder
from townlet.worlds.build import world_spec

CONFIG = Path("configs/L1_full.yaml")
BATCHES = 128
"""So many megabytes that none of them is in a cache when its turn comes."""


class NoScalars:
    """Curves that nobody looks at."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        """Forget a point."""


def main() -> None:
    """Measure and print."""
    measure(CONFIG, options(__doc__))


def measure(path: Path, chosen: Options) -> None:
    """Both rates of the configured update, and their ratio."""
    calculate(threads=1)
    mine, *others = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, others or [mine])  # what is started from here inherits it
    with replay_service(path, "replay.samples_per_insert=null") as config:
        spec = world_spec(config)
        layout = RecordLayout.of(spec, config.memory)
        stop = threading.Event()
        learning = QLearning(build_network(config.network, spec), config.learner, build_loss(config))
        meter = Meter()
        front = Front(config.learner.address)
        service = LearnerService(front, config, layout.digest, learning, meter, NoScalars(), None, stop)
        generator = np.random.default_rng(1)
        assembly = build_assembly(config, layout, spec, torch.device("cpu"), generator)
        replay = build_sample_client(config, assembly, generator, stop)
        actor = Popen([sys.executable, "-m", "actor", str(RunFolder(config.run.folder).config)])
        os.sched_setaffinity(0, [mine])
        try:
            with front, service, replay:
                service.publish(learning)

                def drawn() -> AnyBatch:
                    batch = replay.next()
                    assert batch is not None
                    return batch

                batches = cycle([drawn() for _ in range(BATCHES)])
                batch = next(batches)

                def through_the_services() -> None:
                    fresh = drawn()
                    update = learning.update(fresh)
                    replay.return_priorities(fresh, update.priorities)
                    meter.add(update)
                    if learning.updates % config.learner.publish_period_updates == 0:
                        service.publish(learning)

                def case(name: str, work: Callable[[], object]) -> Case:
                    return Case(name, "updates/s", lambda: calls_per_s(work, chosen.seconds))

                cases = [
                    case("through the services", through_the_services),
                    case("batch in memory", lambda: learning.update(batch)),
                    case("another in memory", lambda: learning.update(next(batches))),
                ]
                ours, same, other = (each.name for each in cases)
                ratios = [Ratio("services / memory", ours, same), Ratio("services / another", ours, other)]
                title = f"{path.stem}: batches of {config.learner.batch_size}, beside a busy actor"
                compare(title, cases, ratios, chosen)
                stop.set()
        finally:
            actor.terminate()
            actor.wait()


if __name__ == "__main__":
    main()
