"""Composition root: settings -> objects -> main loop, for the actor and for the evaluator."""

import threading

import torch

from actor.agent import Agent
from actor.append_client import AppendClient
from actor.curiosity import Curiosity
from actor.episodes import EpisodeAccumulator
from actor.evaluator import evaluate
from actor.loop import act
from actor.policy_watcher import PolicyWatcher
from actor.reporter import Reporter
from actor.schooling import Schooling
from actor.state import ActorState
from actor.tally import Tally
from actor.versions import ActorVersions
from protos import control_pb2, policy_pb2
from townlet.checkpoint.store import VersionStore
from townlet.config import Config
from townlet.curriculum.build import build_curriculum
from townlet.lifecycle import address_of
from townlet.networks.build import build_network
from townlet.networks.distillation import RandomDistillation
from townlet.records import RecordLayout
from townlet.run_folder import RunFolder
from townlet.worlds.build import build_world, world_spec
from townlet.worlds.hamlet.world import HamletWorld

EVALUATION_FIRST_LANE = 2**32
"""Evaluation episodes are none that any actor trains on."""


def run_actor(config: Config, index: int, stop: threading.Event) -> None:
    """Join the run, build the world for the place it gives, and live in it."""
    torch.set_num_threads(config.actor.threads)
    member, run, lanes = f"actor-{index}", config.run.name, config.actor.lanes
    learner = address_of(config.learner.address, "learner.address")
    shard = index % len(config.replay.addresses)
    spec = world_spec(config)
    layout = RecordLayout.of(spec, config.memory)

    reporter = Reporter(learner, _join_request(config, layout, member, lanes), config.actor.report_period_s, stop)
    place = reporter.join()
    difficulties = config.curriculum.difficulties
    world = build_world(config, lanes, config.seed, place.first_lane, difficulties)
    generator = torch.Generator(world.device).manual_seed(config.seed + place.first_lane)
    agent = Agent(
        build_network(config.network, spec).to(world.device),
        config.exploration,
        lanes,
        place.first_lane,
        generator,
        Curiosity(RandomDistillation(config.curiosity, spec).to(world.device)) if config.curiosity else None,
    )
    episodes = EpisodeAccumulator(layout, lanes, config.steps_per_part, world.device, config.memory)
    replay = AppendClient(
        address_of(config.replay.addresses[shard], f"replay.addresses[{shard}]"),
        run,
        member,
        layout,
        config.actor.max_pending_bytes,
        stop,
    )
    policies = PolicyWatcher(learner, run, member, policy_pb2.WEIGHTS_ONLINE, stop)
    tally = Tally(reporter, lanes, world.device)
    schooling = Schooling(
        build_curriculum(config.curriculum, lanes),
        world.set_difficulty if difficulties and isinstance(world, HamletWorld) else None,
        [each.step_cap or spec.step_cap for each in difficulties] or [spec.step_cap],
        reporter,
        lanes,
        world.device,
    )
    state = ActorState(world=world, agent=agent, episodes=episodes, tally=tally, schooling=schooling)
    store = VersionStore(config.checkpoint.root or RunFolder(config.run.folder).versions)
    versions = ActorVersions(member, state, replay, reporter, store)
    if place.take_up_version:
        versions.take_up(place.take_up_version)
    else:
        world.reset()
    with replay, policies, reporter, versions:
        act(world, agent, episodes, replay, policies, reporter, tally, schooling, versions, stop)


def run_evaluator(config: Config, stop: threading.Event) -> None:
    """Join the run, and play greedy episodes of each policy that is due."""
    torch.set_num_threads(config.actor.threads)
    member, run = "evaluator", config.run.name
    learner = address_of(config.learner.address, "learner.address")
    spec = world_spec(config)

    request = _join_request(config, RecordLayout.of(spec, config.memory), member, lanes=0)
    reporter = Reporter(learner, request, config.actor.report_period_s, stop)
    reporter.join()
    world = build_world(config, config.evaluation.episodes, config.seed, EVALUATION_FIRST_LANE)
    network = build_network(config.network, spec).to(world.device).requires_grad_(False)
    policies = PolicyWatcher(learner, run, member, policy_pb2.WEIGHTS_AVERAGED, stop)
    with policies, reporter:
        evaluate(world, network, policies, reporter, config.evaluation.period_updates, stop)


def _join_request(config: Config, layout: RecordLayout, member: str, lanes: int) -> control_pb2.JoinRequest:
    return control_pb2.JoinRequest(
        run=config.run.name,
        member=member,
        role=control_pb2.ROLE_ACTOR if lanes else control_pb2.ROLE_EVALUATOR,
        config_digest=config.digest(),
        layout_digest=layout.digest,
        lanes=lanes,
    )
