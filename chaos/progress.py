"""Whether a run gets on: every producer appends, and the learner updates."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from redis.exceptions import RedisError

from chaos.held import ShardInRedis
from chaos.model import Violation
from chaos.plan import MEMBERS, SHARDS
from chaos.target import Target

LOOK_S = 0.2

Producers = dict[str, tuple[int, int]]
"""Epoch and next sequence number of each, by shard and actor."""


@dataclass(frozen=True)
class Progress:
    """What had been done at one moment."""

    updates: int
    producers: Producers


def progress_of(target: Target) -> Progress | None:
    """What has been done by now; None while the learner or Redis does not answer."""
    status = target.status()
    if status is None:
        return None
    producers: Producers = {}
    for shard in range(SHARDS):
        held = ShardInRedis(str(target.config.replay.redis_url), target.config.run.name, shard)
        try:
            found = held.producers()
        except (RedisError, OSError):
            return None
        finally:
            held.close()
        producers |= {f"replay-{shard}/{actor}": value for actor, value in found.items()}
    return Progress(status.updates, producers)


def who_stands_still(before: Progress, now: Progress, expected: list[str]) -> list[str]:
    """Those that have done nothing since. expected: producers, as Progress names them."""
    still = [] if now.updates > before.updates else ["learner"]
    for name in expected:
        moved = now.producers.get(name, (0, 0))
        if moved <= before.producers.get(name, (0, 0)) or moved[1] == 0:
            still.append(name)
    return still


def await_recovery(
    target: Target, expected: list[str], limit_s: float, pass_time: Callable[[float], None]
) -> Violation | None:
    """Wait until all members live, and all of them get on. None when they do, within `limit_s`.

    pass_time: waits for so many seconds.
    """
    until_s, before, still = time.monotonic() + limit_s, None, ["everybody"]
    while time.monotonic() < until_s and not target.ended():
        pass_time(LOOK_S)
        now = progress_of(target)
        if now is None or before is None:
            before = before or now
            continue
        still = sorted(set(MEMBERS) - target.members().keys()) or who_stands_still(before, now, expected)
        if not still:
            return None
    if words := target.ended():
        return Violation("ended", f"`townlet up` ended: {words}")
    status = target.status()
    waiting = status.waiting if status else "the learner does not answer"
    return Violation("hang", f"after {limit_s:.0f} s these do not get on: {', '.join(still)}; {waiting}")
