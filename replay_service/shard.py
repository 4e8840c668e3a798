"""A shard in memory, and how it is built from what Redis holds."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import structlog

from replay_service.arena import Arena
from replay_service.commits import Commits
from replay_service.lockstep import Lockstep
from replay_service.procession import Procession
from replay_service.producers import Producers
from replay_service.rate_limiter import RateLimiter
from replay_service.redis_log import Meta, RedisLog
from replay_service.rounds import Rounds
from replay_service.sampler.interface import Sampler
from replay_service.sampler.prioritized import PrioritizedSampler
from replay_service.sampler.uniform import UniformSampler
from replay_service.table import Table
from replay_service.versions import TakenUp
from townlet.config import Config
from townlet.replay_settings import PrioritizedSettings
from townlet.schedule import LockstepSettings

log = structlog.get_logger()


@dataclass(frozen=True)
class Shard:
    """What exists once the layout of its records is known. lockstep: None in the schedule async."""

    stride: int
    digest: str
    table: Table
    producers: Producers
    procession: Procession
    commits: Commits
    lockstep: Lockstep | None


async def build_shard(
    config: Config, index: int, redis_log: RedisLog, meta: Meta, on_commit: Callable[[], None]
) -> Shard:
    """The shard with every episode that Redis holds, oldest first.

    on_commit: called whenever episodes have been added. Raises UnavailableError, or TownletError on damaged data.
    """
    table = _empty_table(config, index, meta)
    dropped = []
    async for order, records in redis_log.read_episodes():
        dropped += table.insert(order, records)
    # What earlier episodes added to the balance counts, although they themselves may be gone.
    table.limiter.inserted, table.limiter.sampled = meta.inserted, meta.sampled
    producers = Producers(await redis_log.read_producers())
    commits = Commits(redis_log, table, producers, meta, config.replay.group_period_ms / 1e3, on_commit, dropped)
    log.info("rebuilt", episodes=table.episodes, records=table.records, inserted=meta.inserted, sampled=meta.sampled)
    # Priorities and draws are not in Redis: in lockstep a shard that has restarted only goes on from a version.
    rounds = Rounds(None if meta.appended else 0)
    return _shard(config, meta, table, producers, commits, rounds)


async def restored_shard(
    config: Config, index: int, redis_log: RedisLog, taken: TakenUp, version: int, on_commit: Callable[[], None]
) -> Shard:
    """The shard as a version has it, in Redis too. Raises CheckpointError or UnavailableError; then it is none."""
    table = _empty_table(config, index, taken.meta)
    await asyncio.to_thread(table.load_state, taken.table, (episode.records for episode in taken.episodes()))
    await redis_log.replace_all(version, taken.transactions())
    producers = Producers(taken.producers)
    commits = Commits(redis_log, table, producers, taken.meta, config.replay.group_period_ms / 1e3, on_commit, [])
    log.info("taken_up", version=version, episodes=table.episodes, records=table.records)
    return _shard(config, taken.meta, table, producers, commits, Rounds(taken.round))


def _shard(config: Config, meta: Meta, table: Table, producers: Producers, commits: Commits, rounds: Rounds) -> Shard:
    in_lockstep = isinstance(config.schedule, LockstepSettings)
    lockstep = Lockstep(rounds, table, producers, commits) if in_lockstep else None
    return Shard(meta.stride, meta.digest, table, producers, Procession(), commits, lockstep)


def _empty_table(config: Config, index: int, meta: Meta) -> Table:
    shards = len(config.replay.addresses)
    limiter = RateLimiter(
        config.replay.samples_per_insert, config.replay.min_size_to_sample // shards, config.tolerance / shards
    )
    if isinstance(config.schedule, LockstepSettings):
        limiter = RateLimiter(samples_per_insert=None, min_size=0, tolerance=0.0)  # the rounds keep the pace
    capacity, period = config.shard_capacity, config.window_period
    sampler: Sampler
    match config.replay.sampler:
        case PrioritizedSettings(exponent=exponent):
            sampler = PrioritizedSampler(capacity, exponent, period)
        case _:
            sampler = UniformSampler(capacity, period)
    generator = np.random.Generator(np.random.Philox(key=(config.seed, index)))
    return Table(Arena(capacity, meta.stride), sampler, limiter, generator, period)
