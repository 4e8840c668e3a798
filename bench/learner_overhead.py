"""Claim: the learner makes at least 0.8 of the updates through the services that it makes on a batch already in memory.

Both are measured in turn in one process, with everything else of a run going on beside it: an actor that steps as fast
as it can, the replay service that takes its episodes, Redis, and the policies that are published.
"""

import sys
import threading
import time
from pathlib import Path
from subprocess import Popen

import torch

from bench.rounds import Case, Ratio, arguments, compare
from bench.services import replay_service
from learner.compose import sample_client
from learner.meter import Meter
from learner.service import LearnerService
from learner.update import QLearning
from townlet.networks.interface import build_network
from townlet.records import RecordLayout
from townlet.run_folder import RunFolder
from townlet.worlds.build import world_spec

CONFIG = Path("configs/L1_full.yaml")


class NoScalars:
    """Curves that nobody looks at."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        """Forget a point."""


def main() -> None:
    """Measure and print."""
    options = arguments(__doc__)
    torch.set_num_threads(1)
    with replay_service(CONFIG, "replay.samples_per_insert=null") as config:
        spec = world_spec(config)
        layout = RecordLayout.of(spec)
        stop = threading.Event()
        learning = QLearning(build_network(config.network, spec), config.learner)
        meter = Meter()
        service = LearnerService(config, layout.digest, learning, meter, NoScalars(), None, stop)
        replay = sample_client(config, layout, spec, torch.device("cpu"), stop)
        with service, replay:
            service.publish(learning)
            actor = Popen([sys.executable, "-m", "actor", str(RunFolder(config.run.folder).config)])
            try:
                batch = replay.next()
                assert batch is not None

                def through_the_services() -> None:
                    drawn = replay.next()
                    assert drawn is not None
                    update = learning.update(drawn)
                    replay.return_priorities(drawn, update.priorities)
                    meter.add(update)
                    if learning.updates % config.learner.publish_period_updates == 0:
                        service.publish(learning)

                def in_memory() -> None:
                    learning.update(batch)

                def rate(work) -> float:
                    began, done = time.perf_counter(), 0
                    while time.perf_counter() - began < options.seconds:
                        work()
                        done += 1
                    return done / (time.perf_counter() - began)

                cases = [
                    Case("through the services", "updates/s", lambda: rate(through_the_services)),
                    Case("batch in memory", "updates/s", lambda: rate(in_memory)),
                ]
                ratio = Ratio("services / memory", cases[0].name, cases[1].name)
                title = f"learner, batch {config.learner.batch_size}, beside an actor at full speed"
                compare(title, cases, [ratio], options.rounds, options.json)
            finally:
                actor.terminate()
                actor.wait()
                stop.set()


if __name__ == "__main__":
    main()
