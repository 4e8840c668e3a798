"""Composition root: settings -> objects -> main loop.

Of several ranks the first one is composed as one that is alone, but that it hands out its batches; the others follow.
"""

import os
import threading
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch
from prometheus_client import CollectorRegistry
from torch.utils.tensorboard import SummaryWriter

from learner.assembly import Assembly
from learner.build import (
    build_assembly,
    build_curiosity,
    build_loss,
    build_round_batches,
    build_sample_client,
    build_share_codec,
    replay_addresses,
)
from learner.conductor import Conductor
from learner.diary import Diary
from learner.first_rank import FirstRank
from learner.front import Front
from learner.hand_outs import HandOuts
from learner.keeper import Keeper
from learner.loop import learn, learn_in_rounds
from learner.meeting import device_of, meet
from learner.meter import Meter
from learner.metrics import batch_readings
from learner.other_rank import follow
from learner.pause import Pause
from learner.rank_processes import OtherRanks
from learner.ranks import Ranks
from learner.resume import Resumed, bring_shards_along, check_shards_are_new, resume
from learner.round_shards import RoundShards
from learner.service import LearnerService
from learner.several import Several
from learner.share import undivided
from learner.state import capture
from learner.update import HandOut, QLearning, Update
from townlet.arithmetic import calculate
from townlet.checkpoint.state import State
from townlet.checkpoint.store import VersionStore
from townlet.config import Config
from townlet.errors import StartOverError
from townlet.heap import set_aside
from townlet.metrics.calls import CallMetrics
from townlet.metrics.readings import Readings
from townlet.metrics.registry import new_registry
from townlet.networks.build import build_network
from townlet.records import RecordLayout
from townlet.run_folder import RunFolder, write_json
from townlet.schedule import LockstepSettings
from townlet.specs import EnvironmentSpec
from townlet.telemetry import stand_on
from townlet.telemetry import version as newest_version
from townlet.tokens import tokens_for
from townlet.tracing import interceptors, traced
from townlet.worlds.build import world_spec

SAMPLING_STREAM = 2**32
"""Sets the learner's draws of shards apart from the shards' own streams, which are numbered from 0."""


@dataclass(frozen=True)
class Ground:
    """What every rank begins with. device: of this one."""

    config: Config
    spec: EnvironmentSpec
    layout: RecordLayout
    device: torch.device

    def learning(self, ranks: Ranks | None = None, hand_out: HandOut = undivided) -> QLearning:
        """The networks and their optimisers. See `QLearning`."""
        network = build_network(self.config.network, self.spec).to(self.device)
        curiosity = build_curiosity(self.config, self.spec, self.device, ranks)
        return QLearning(network, self.config.learner, build_loss(self.config), curiosity, ranks, hand_out)


@dataclass(frozen=True)
class Parts:
    """What both schedules work with. generator: of the draws of shards. first: of several ranks; None for one alone."""

    config: Config
    learning: QLearning
    service: LearnerService
    assembly: Assembly
    generator: np.random.Generator
    pause: Pause
    meter: Meter
    keeper: Keeper
    resumed: Resumed | None
    registry: CollectorRegistry
    stop: threading.Event
    first: FirstRank | None

    def capture(self) -> State:
        """The learner's state, which is that of every rank."""
        if self.first is not None:
            self.first.compare(self.learning)
        return capture(self.learning, self.generator, self.service.books())


def run_learner(config: Config, stop: threading.Event, others: OtherRanks, *, fallback: bool = False) -> None:
    """Lead the run, alone or as the first of several ranks; or follow the first one."""
    calculate(threads=config.learner.threads)
    torch.manual_seed(config.seed)
    spec, place = world_spec(config), others.place
    ground = Ground(config, spec, RecordLayout.of(spec, config.memory), device_of(place, config.learner.device))
    if place.ranks == 1:
        _lead(ground, stop, None, fallback)
        return
    codec = build_share_codec(config, ground.layout, spec, ground.device, place.ranks)
    with meet(place, ground.device, config.digest(), others.check, stop) as groups:
        several, hand_outs = Several(groups, place, stop), HandOuts(groups, place, codec.size)
        if place.rank == 0:
            with FirstRank(several, hand_outs, codec, stop) as first:
                _lead(ground, stop, first, fallback)
        else:
            follow(ground.learning(several), hand_outs, several, codec, starts_over=place.store is None)


def _lead(ground: Ground, stop: threading.Event, first: FirstRank | None, fallback: bool) -> None:
    """Listen, then learn."""
    config = ground.config
    registry = new_registry("learner", config.run.name, config.digest(), newest_version)
    tokens = tokens_for(config.security.tokens, os.environ)
    around = [CallMetrics(registry), *interceptors()]
    with Front(config.learner.listen or config.learner.address, config.security.tls, tokens, around) as front:
        _train(ground, front, registry, stop, first, fallback)


def _train(
    ground: Ground,
    front: Front,
    registry: CollectorRegistry,
    stop: threading.Event,
    first: FirstRank | None,
    fallback: bool,
) -> None:
    """Take up the run's state, serve its members, and learn. fallback: damaged versions are passed over."""
    config, layout, spec, device = ground.config, ground.layout, ground.spec, ground.device
    folder = RunFolder(config.run.folder)
    learning = ground.learning(first.several, first.hand_out) if first else ground.learning()
    generator = np.random.Generator(np.random.Philox(key=(config.seed, SAMPLING_STREAM)))
    store = VersionStore(config.checkpoint.root or folder.versions)
    learning.update = traced("update", learning.update)  # type: ignore[method-assign]  # itself, unless it is traced
    resumed = resume(store, config, layout.digest, learning, generator, fallback=fallback)
    if resumed is not None:
        stand_on(resumed.manifest.version)
        bring_shards_along(resumed, config, stop)
    elif isinstance(config.schedule, LockstepSettings):
        check_shards_are_new(config, stop)
    if first is not None:
        first.take_along(learning)
    meter, pause = Meter(), Pause(stop)
    scalars = SummaryWriter(str(folder.tensorboard))
    service = LearnerService(
        front, config, layout.digest, learning, meter, scalars, resumed, stop, store, pause, registry
    )
    assembly = build_assembly(config, layout, spec, device, generator, shared=first is not None)
    keeper = Keeper(folder, config.digest(), config.learner.save_period_s)
    parts = Parts(config, learning, service, assembly, generator, pause, meter, keeper, resumed, registry, stop, first)
    set_aside()
    with closing(scalars), service:
        if isinstance(config.schedule, LockstepSettings):
            _learn_in_rounds(parts, config.schedule, folder)
        else:
            _learn(parts)
        stop.set()
        keeper.save(learning)
        write_json(folder.result, {"updates": learning.updates, **service.result()})


def _learn(parts: Parts) -> None:
    config, service = parts.config, parts.service

    def stand_by() -> None:
        parts.pause.between_updates(parts.capture)

    with build_sample_client(config, parts.assembly, parts.generator, parts.stop) as replay:
        parts.registry.register(Readings(lambda: batch_readings(replay)))
        learn(
            parts.learning,
            replay,
            service.publish,
            stand_by,
            parts.keeper.save_when_due,
            parts.meter,
            config.learner.publish_period_updates,
            config.learner.max_updates,
            parts.stop,
        )
        service.make_last_version(stand_by)
        parts.stop.set()
    if service.starts_over:
        raise StartOverError(service.starts_over)


def _learn_in_rounds(parts: Parts, schedule: LockstepSettings, folder: RunFolder) -> None:
    config, learning, service, stop = parts.config, parts.learning, parts.service, parts.stop
    shards = RoundShards(replay_addresses(config), parts.generator, config.security.tls)
    batches = build_round_batches(config, shards, parts.assembly)
    diary = Diary(folder.diary, learning, parts.resumed.round if parts.resumed else 0, schedule.diary_rounds)

    def is_last() -> bool:
        learned = learning.updates + (0 if schedule.lag else batches.updates)
        return stop.is_set() or (config.learner.max_updates is not None and learned >= config.learner.max_updates)

    def note(update: Update) -> None:
        parts.meter.add(update)
        diary.add(update)

    with batches:
        conductor = Conductor(
            config.run.name,
            service.round_ends(),
            service.publish,
            shards,
            parts.pause,
            diary,
            parts.capture,
            is_last,
            stop,
        )
        learn_in_rounds(learning, conductor, batches, note, parts.keeper.save_when_due, schedule.lag)
        conductor.close()
