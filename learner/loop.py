"""The learner's main loop."""

import threading
from collections.abc import Callable

from learner.meter import Meter
from learner.sample_client import SampleClient
from learner.update import QLearning


def learn(
    learning: QLearning,
    replay: SampleClient,
    publish: Callable[[QLearning], None],
    stand_by: Callable[[], None],
    save_when_due: Callable[[QLearning], None],
    meter: Meter,
    publish_period_updates: int,
    max_updates: int | None,
    stop: threading.Event,
) -> None:
    """Draw, update, return priorities, publish: until `stop` or the last update.

    stand_by: called wherever the learner may stand still for a version.
    """
    publish(learning)
    while not stop.is_set() and learning.updates != max_updates:
        stand_by()
        batch = replay.next(stand_by)
        if batch is None:
            break
        update = learning.update(batch)
        replay.return_priorities(batch, update.priorities)
        meter.add(update)
        if learning.updates % publish_period_updates == 0:
            publish(learning)
        save_when_due(learning)
