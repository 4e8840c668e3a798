"""The actor's main loop, in both schedules."""

import threading

from actor.life import Life
from actor.policy_watcher import PolicyWatcher
from actor.rounds import Rounds
from actor.versions import ActorVersions


def act(life: Life, policies: PolicyWatcher, versions: ActorVersions, stop: threading.Event) -> None:
    """Live with the newest policy, and push every finished episode, until `stop`, or told to leave."""
    policy = policies.wait()
    while True:
        versions.hold_when_asked()
        if stop.is_set() or life.leaves:  # looked at only now, so that nothing is done after the last version
            return
        if policy is not None:
            life.adopt(policy)
        life.step()
        policy = policies.take()


def act_in_rounds(life: Life, policies: PolicyWatcher, rounds: Rounds, steps_per_round: int) -> None:
    """Live round after round, each with its own policy, until the process stops."""
    rounds.end(life.policy_version)
    while policy := policies.wait_for(life.policy_version + 1):
        life.adopt(policy)
        rounds.begin(policy.version)
        for _ in range(steps_per_round):
            life.step()
        rounds.end(policy.version)
