"""The actor's main loop."""

import threading

from actor.agent import Agent
from actor.append_client import AppendClient
from actor.episodes import EpisodeAccumulator
from actor.policy_watcher import PolicyWatcher
from actor.reporter import Reporter
from actor.schooling import Schooling
from actor.tally import Tally
from actor.versions import ActorVersions
from townlet.worlds.interface import VectorWorld


def act(
    world: VectorWorld,
    agent: Agent,
    episodes: EpisodeAccumulator,
    replay: AppendClient,
    policies: PolicyWatcher,
    reporter: Reporter,
    tally: Tally,
    schooling: Schooling,
    versions: ActorVersions,
    stop: threading.Event,
) -> None:
    """Live in the world with the newest policy, and push every finished episode, until `stop`."""
    view = world.view()
    policy = policies.wait()
    while not stop.is_set():
        versions.hold_when_asked()
        if policy is not None:
            agent.adopt(policy)
            world.set_run_episodes(policy.run_episodes)
            reporter.policy_version = policy.version
        action = agent.act(view)
        step = world.step(action)
        for part in episodes.add(view, agent.memory, action, step, agent.novelty(step)):
            replay.append(part.records)
        agent.remember(action, step)
        tally.add(step)
        schooling.add(view, agent.epsilon, step)
        view = step.view
        policy = policies.take()
