"""The evaluator's main loop: greedy episodes of the averaged network, beside the training."""

import threading

import structlog

from actor.policy_watcher import PolicyWatcher
from actor.reporter import Reporter
from protos import control_pb2
from townlet.evaluation import Greedy, play
from townlet.networks.interface import QNetwork
from townlet.policy import load_weights
from townlet.worlds.build import diary
from townlet.worlds.interface import VectorWorld

log = structlog.get_logger()


def evaluate(
    world: VectorWorld,
    network: QNetwork,
    policies: PolicyWatcher,
    reporter: Reporter,
    period_updates: int,
    stop: threading.Event,
) -> None:
    """Play one fresh episode in each lane whenever a policy is `period_updates` newer than the last one played."""
    due_updates = period_updates
    while (policy := policies.wait()) is not None:
        updates = policy.rest.updates
        if updates < due_updates:
            continue
        load_weights(network, policy.weights, f"policy {policy.version}")
        reporter.policy_version = policy.version
        survival = play(world, Greedy(network, world), diary(world), keep_going=lambda: not stop.is_set())
        if stop.is_set():
            return
        evaluation = control_pb2.Evaluation(
            policy_version=policy.version,
            updates=updates,
            episodes=world.lanes,
            mean_survival=survival.mean.value,
            standard_error=survival.mean.standard_error,
            mean_return=survival.mean_return.value,
            return_standard_error=survival.mean_return.standard_error,
            habits=survival.habits,
        )
        reporter.add_evaluation(evaluation)
        log.info("evaluated", updates=updates, **vars(survival.mean), mean_return=survival.mean_return.value)
        due_updates = updates + period_updates
