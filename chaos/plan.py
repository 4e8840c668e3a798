"""Who is killed when, all of it drawn from a seed. Pure."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

REDIS, EVERYTHING, UP, FAILPOINT = "redis", "everything", "up", "failpoint"
REDIS_DATA = "redis and its data"
"""Everything dies, and what Redis had is gone."""
REDIS_FILES = "redis's files"
"""Redis dies, and what it had is gone; the others live on for a while. Then everything dies."""
SHARDS, ACTORS = 2, 2
MEMBERS = (
    REDIS,
    "learner",
    *(f"replay-{shard}" for shard in range(SHARDS)),
    *(f"actor-{actor}" for actor in range(ACTORS)),
)
LIKELY = {
    REDIS: 4,
    "learner": 4,
    "replay-0": 2,
    "replay-1": 2,
    "actor-0": 2,
    "actor-1": 2,
    EVERYTHING: 2,
    UP: 1,
    REDIS_FILES: 1,
}
"""How likely each target is, where no failpoint is due."""

ENOUGH = {1: 3, 2: 4, 3: 4, 4: 2}
"""How likely so many kills come before anybody has recovered."""
LONGEST_CALM_S = 4.0
LONGEST_PAUSE_S = 5.0
FAILPOINTS_OF_TEN = 4
"""How many of ten kills are at a failpoint."""

WHILE_TAKING_UP = "replay.take_up."
BY_AN_OPERATOR = ("checkpoint.pin.", "checkpoint.branch.")
ON_THE_WAY = {
    "checkpoint.abort.before_files": ("version.before_commit", "error"),
    "checkpoint.collect.before_segment": ("version.before_commit", "error"),
    "checkpoint.sweep.before_folder": ("version.before_commit", "kill"),
}
"""What has to happen elsewhere, and where, so that somebody passes a failpoint that nobody passes on a good day."""


@dataclass(frozen=True)
class Strike:
    """One kill. pause_s: after the one before. failpoint: where, if the target is one that dies at a failpoint."""

    pause_s: float
    target: str
    failpoint: str = ""

    @property
    def moment(self) -> str:
        """For people."""
        return self.failpoint or "at random"


@dataclass(frozen=True)
class Burst:
    """Kills that do not wait for anybody to recover. calm_s: undisturbed work before."""

    calm_s: float
    strikes: tuple[Strike, ...]


@dataclass(frozen=True)
class Plan:
    """One round. ends_softly: the run is told to stop at the end, not killed."""

    seed: int
    bursts: tuple[Burst, ...]
    ends_softly: bool


def plan_round(seed: int, kills: int, failpoints: Sequence[str]) -> Plan:
    """The plan of a round of `kills` kills, or one more. Rounds of consecutive seeds share the failpoints out."""
    choice = random.Random(seed)
    at_failpoints = kills * FAILPOINTS_OF_TEN // 10
    dealt = [failpoints[(seed * at_failpoints + place) % len(failpoints)] for place in range(at_failpoints)]
    elsewhere = choice.choices(list(LIKELY), list(LIKELY.values()), k=kills - at_failpoints)
    strikes = [Strike(choice.uniform(0.0, LONGEST_PAUSE_S), FAILPOINT, name) for name in dealt]
    strikes += [Strike(choice.uniform(0.0, LONGEST_PAUSE_S), target) for target in elsewhere]
    choice.shuffle(strikes)
    return Plan(seed, tuple(_bursts(strikes, choice)), choice.random() < 0.5)


def _bursts(strikes: list[Strike], choice: random.Random) -> list[Burst]:
    bursts = []
    while strikes:
        count = choice.choices(list(ENOUGH), list(ENOUGH.values()))[0]
        group, strikes = strikes[:count], strikes[count:]
        bursts.append(Burst(choice.uniform(0.0, LONGEST_CALM_S), tuple(_loses_data(strike) for strike in group)))
    return bursts


def _loses_data(strike: Strike) -> Strike:
    """A shard takes a version up when it has lost what it held."""
    if strike.failpoint.startswith(WHILE_TAKING_UP):
        return Strike(strike.pause_s, REDIS_DATA, strike.failpoint)
    return strike
