"""The learner's main loop, in both schedules."""

import threading
from collections.abc import Callable

from learner.conductor import Conductor
from learner.meter import Meter
from learner.round_batches import RoundBatches
from learner.sample_client import SampleClient
from learner.update import QLearning, Update


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


def learn_in_rounds(
    learning: QLearning,
    conductor: Conductor,
    replay: RoundBatches,
    note: Callable[[Update], None],
    save_when_due: Callable[[QLearning], None],
    lag: int,
) -> None:
    """Round after round, until the last one. The actors live a round between its beginning and its end.

    note: told of each update. lag: 1 learns from the round before meanwhile, 0 from this one afterwards.
    """

    def learn_round() -> None:
        for batch in replay.of_round():
            update = learning.update(batch)
            replay.return_priorities(batch, update.priorities)
            note(update)

    conductor.gather()
    while not conductor.over:
        conductor.begin_round(learning)
        if lag == 1:
            learn_round()
        conductor.end_round()
        if lag == 0:
            learn_round()
        conductor.rest()
        save_when_due(learning)
