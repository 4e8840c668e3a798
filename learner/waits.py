"""Who waits for what, in words. Pure: no clock, network or lock; times are arguments."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal, get_args

from learner.head import Head
from protos import replay_pb2

Kind = Literal["actors", "shard", "redis", "paused", "version", "inserts", "samples", "round", "unknown"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Wait:
    """What is waited for: members; a shard that is away; Redis; `resume`; a version that is being cut; inserts, by the
    learner; samples, by the actors; the end of a round; or nobody knows.
    """

    kind: Kind
    text: str


def members_awaited(head: Head, now_s: float) -> list[Wait]:
    """Whether there is anybody who acts."""
    if not head.actors:
        return [Wait("actors", "no actor has joined yet")]
    if head.present_actors(now_s):
        return []
    members = head.members.items()
    silences = {name: head.silence_s(name, now_s) for name, member in members if member.lanes and not member.left}
    heard = [silence_s for silence_s in silences.values() if isfinite(silence_s)]
    since = f"for {min(heard):.0f} s" if heard else "since the learner has started"
    return [Wait("actors", f"no actor has spoken {since} (expected {', '.join(sorted(silences))})")]


def shards_awaited(away: Sequence[str], replay: Sequence[replay_pb2.StatsResponse]) -> list[Wait]:
    """Shards that do not answer, and those that cannot write. away: why, for each that does not answer."""
    redis = [
        Wait("redis", stats.blocked_by or "appends wait for Redis") for stats in replay if not stats.redis_available
    ]
    return [*(Wait("shard", reason) for reason in away), *redis]


def limiters_awaited(replay: Sequence[replay_pb2.StatsResponse]) -> list[Wait]:
    """Whom the limiters of the shards hold back."""
    return [
        Wait("inserts" if stats.waiting_samples else "samples", stats.blocked_by)
        for stats in replay
        if stats.blocked_by and stats.redis_available
    ]


def standing_still(steps_per_s: float, updates_per_s: float) -> str:
    """Who does nothing, in words; empty where both get on."""
    still = [] if steps_per_s else ["the actors make no steps"]
    still += [] if updates_per_s else ["the learner makes no updates"]
    return " and ".join(still)


def in_words(waits: Sequence[Wait]) -> str:
    """All of them; empty when nobody waits."""
    return "; ".join(wait.text for wait in waits)
