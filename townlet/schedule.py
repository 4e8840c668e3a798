"""How acting and learning keep pace with each other."""

from typing import Annotated, Literal

from pydantic import Field

from townlet.settings import Count, Settings


class AsyncSettings(Settings):
    """Everybody at their own pace, within what the rate limiter allows. Members come and go."""

    kind: Literal["async"] = "async"


class LockstepSettings(Settings):
    """In rounds, so that a run that is resumed from a version is bit for bit the run that never stopped.

    steps_per_round: that every actor takes in each of its lanes.
    updates_per_round: that the learner makes; null makes as many as replay.samples_per_insert asks for.
    diary_rounds: a line about what was learned goes to rounds.jsonl in the run's folder every so many rounds.
    lag: 1 lets the learner learn from a round while the actors live the next one; 0 has each wait for the other, so
        that actors always act with the newest networks.
    """

    kind: Literal["lockstep"] = "lockstep"
    steps_per_round: Count = 16
    updates_per_round: Count | None = None
    lag: Annotated[int, Field(ge=0, le=1)] = 1
    diary_rounds: Count = 1


ScheduleSettings = Annotated[AsyncSettings | LockstepSettings, Field(discriminator="kind")]
