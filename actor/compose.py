"""Composition root: settings -> objects -> main loop, for the actor and for the evaluator."""

import threading

import structlog
import torch

from actor.agent import Agent
from actor.append_client import AppendClient
from actor.curiosity import Curiosity
from actor.episodes import EpisodeAccumulator
from actor.evaluator import evaluate
from actor.life import Life
from actor.loop import act, act_in_rounds
from actor.metrics import ActorReadings, append_histogram
from actor.policy_watcher import PolicyWatcher
from actor.reporter import Reporter
from actor.rounds import Rounds
from actor.schooling import Schooling
from actor.state import ActorState
from actor.tally import Tally
from actor.versions import ActorVersions
from protos import control_pb2, policy_pb2
from townlet.arithmetic import calculate
from townlet.checkpoint.store import VersionStore
from townlet.config import Config
from townlet.curriculum.build import build_curriculum
from townlet.errors import ConfigError, FencedError, StartOverError
from townlet.health_server import HealthServer
from townlet.heap import set_aside
from townlet.lifecycle import address_of
from townlet.metrics.endpoint import showing
from townlet.metrics.readings import Readings
from townlet.metrics.registry import new_registry
from townlet.networks.build import build_network
from townlet.networks.distillation import RandomDistillation
from townlet.ordinal import actor_name, actor_place
from townlet.records import RecordLayout
from townlet.run_folder import RunFolder
from townlet.schedule import LockstepSettings
from townlet.specs import EnvironmentSpec
from townlet.telemetry import rename_member
from townlet.telemetry import version as newest_version
from townlet.worlds.build import build_world, world_spec
from townlet.worlds.hamlet.world import HamletWorld
from townlet.worlds.interface import VectorWorld

log = structlog.get_logger()

EVALUATION_FIRST_LANE = 2**32
"""Evaluation episodes are none that any actor trains on."""


def run_actor(config: Config, index: int | None, stop: threading.Event) -> None:
    """Join the run, build the world for the place it gives, and live in it. index: None for any place that is free."""
    if index is None and isinstance(config.schedule, LockstepSettings):
        raise ConfigError("--index: expected the actor's number, since in lockstep each has its own place, found none")
    with HealthServer(config.actor.health, config.security.tls) as health:
        try:
            _live(config, index, health, stop)
        except FencedError as error:
            if index is not None:
                raise
            raise StartOverError(f"its place was given to another: {error}") from None


def _live(config: Config, index: int | None, health: HealthServer, told: threading.Event) -> None:
    """told: set when the process is told to stop, which takes a moment: see `Reporter`."""
    calculate(threads=config.actor.threads)
    stop = threading.Event()
    layout = RecordLayout.of(world_spec(config), config.memory)
    request = _join_request(config, layout, "" if index is None else actor_name(index), config.actor.lanes)
    reporter = Reporter(
        address_of(config.learner.address, "learner.address"),
        request,
        config.actor.report_period_s,
        stop,
        config.security.tls,
        policies_from=_policies_address(config),
        in_rounds=isinstance(config.schedule, LockstepSettings),
        told=told,
        grace_s=config.run.grace_s,
    )
    place = reporter.join()
    reporter.starting = not place.take_up_version
    rename_member(place.member)
    log.info("joined", first_lane=place.first_lane, take_up_version=place.take_up_version)
    with reporter:  # from now on, so that a place whose world takes long to build is not taken for free
        _act(config, place, layout, reporter, health, stop)


def _act(
    config: Config,
    place: control_pb2.JoinResponse,
    layout: RecordLayout,
    reporter: Reporter,
    health: HealthServer,
    stop: threading.Event,
) -> None:
    member, run, lanes = place.member, config.run.name, config.actor.lanes
    shard = actor_place(member) % len(config.replay.addresses)
    spec = world_spec(config)
    world = build_world(config, lanes, config.seed, place.first_lane, config.curriculum.difficulties)
    agent = _agent(config, spec, place.first_lane, world.device)
    episodes = EpisodeAccumulator(layout, lanes, config.steps_per_part, world.device, config.memory)
    shard_address = address_of(config.replay.addresses[shard], f"replay.addresses[{shard}]")
    tls, registry = config.security.tls, new_registry(member, run, config.digest(), newest_version)
    replay = AppendClient(
        shard_address,
        run,
        member,
        layout,
        config.actor.max_pending_bytes,
        stop,
        tls,
        append_histogram(registry).observe,
        lambda: reporter.leaving,
    )
    registry.register(Readings(ActorReadings(reporter, replay).read))
    policies = PolicyWatcher(_policies_address(config), run, member, policy_pb2.WEIGHTS_ONLINE, stop, tls, health.ready)
    tally = Tally(reporter, lanes, world.device)
    schooling = _schooling(config, spec, world, reporter)
    state = ActorState(world=world, agent=agent, episodes=episodes, tally=tally, schooling=schooling)
    store = VersionStore(config.checkpoint.root or RunFolder(config.run.folder).versions)
    versions = ActorVersions(member, state, replay, reporter, store)
    if place.take_up_version:
        versions.take_up(place.take_up_version)
    else:
        world.reset()
    life = Life(world, agent, episodes, replay, reporter, tally, schooling)
    set_aside()
    reporter.starting = False
    with showing(registry, config.metrics.address), replay, policies, versions:
        if isinstance(config.schedule, LockstepSettings):
            rounds = Rounds(shard, replay, reporter, versions)
            act_in_rounds(life, policies, rounds, config.schedule.steps_per_round)
        else:
            act(life, policies, versions, stop)
            replay.flush()


def _agent(config: Config, spec: EnvironmentSpec, first_lane: int, device: torch.device) -> Agent:
    """Acts in the lanes from `first_lane` on; before its first policy it knows nothing."""
    generator = torch.Generator(device).manual_seed(config.seed + first_lane)
    network = build_network(config.network, spec).to(device)
    curiosity = Curiosity(RandomDistillation(config.curiosity, spec).to(device)) if config.curiosity else None
    return Agent(network, config.actor.lanes, first_lane, generator, curiosity)


def _schooling(config: Config, spec: EnvironmentSpec, world: VectorWorld, reporter: Reporter) -> Schooling:
    """The curriculum of the actor's lanes."""
    difficulties, lanes = config.curriculum.difficulties, config.actor.lanes
    return Schooling(
        build_curriculum(config.curriculum, lanes),
        world.set_difficulty if difficulties and isinstance(world, HamletWorld) else None,
        [each.step_cap or spec.step_cap for each in difficulties] or [spec.step_cap],
        reporter,
        lanes,
        world.device,
    )


def run_evaluator(config: Config, stop: threading.Event) -> None:
    """Join the run, and play greedy episodes of each policy that is due."""
    calculate(threads=config.actor.threads)
    member, run, tls = "evaluator", config.run.name, config.security.tls
    learner, policies_from = address_of(config.learner.address, "learner.address"), _policies_address(config)
    spec = world_spec(config)

    request = _join_request(config, RecordLayout.of(spec, config.memory), member, lanes=0)
    reporter = Reporter(learner, request, config.actor.report_period_s, stop, tls, policies_from=policies_from)
    reporter.join()
    world = build_world(config, config.evaluation.episodes, config.seed, EVALUATION_FIRST_LANE)
    network = build_network(config.network, spec).to(world.device).requires_grad_(False)
    health = HealthServer(config.actor.health, tls)
    policies = PolicyWatcher(policies_from, run, member, policy_pb2.WEIGHTS_AVERAGED, stop, tls, health.ready)
    registry = new_registry(member, run, config.digest(), newest_version)
    registry.register(Readings(ActorReadings(reporter).read))
    set_aside()
    with showing(registry, config.metrics.address), health, policies, reporter:
        evaluate(world, network, policies, reporter, config.evaluation.period_updates, stop)


def _policies_address(config: Config) -> str:
    """Where policies come from: the learner itself, or a relay."""
    return address_of(config.actor.policies_from or config.learner.address, "actor.policies_from")


def _join_request(config: Config, layout: RecordLayout, member: str, lanes: int) -> control_pb2.JoinRequest:
    return control_pb2.JoinRequest(
        run=config.run.name,
        member=member,
        role=control_pb2.ROLE_ACTOR if lanes else control_pb2.ROLE_EVALUATOR,
        config_digest=config.digest(),
        layout_digest=layout.digest,
        lanes=lanes,
    )
