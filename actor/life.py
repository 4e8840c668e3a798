"""What an actor does in one step of all its lanes."""

from actor.agent import Agent
from actor.append_client import AppendClient
from actor.episodes import EpisodeAccumulator
from actor.reporter import Reporter
from actor.schooling import Schooling
from actor.tally import Tally
from townlet.subscribe_call import ReceivedPolicy
from townlet.worlds.interface import VectorWorld


class Life:
    """The world and all that follow its steps. It goes on from the view at which the world stands."""

    def __init__(
        self,
        world: VectorWorld,
        agent: Agent,
        episodes: EpisodeAccumulator,
        replay: AppendClient,
        reporter: Reporter,
        tally: Tally,
        schooling: Schooling,
    ) -> None:
        self._world = world
        self._agent = agent
        self._episodes = episodes
        self._replay = replay
        self._reporter = reporter
        self._tally = tally
        self._schooling = schooling
        self._view = world.view()

    @property
    def policy_version(self) -> int:
        """The policy that is acted with; 0 before the first."""
        return self._agent.policy_version

    @property
    def leaves(self) -> bool:
        """Whether the actor was asked to leave."""
        return self._reporter.leaving

    def adopt(self, policy: ReceivedPolicy) -> None:
        """Act with this policy from now on."""
        self._agent.adopt(policy)
        self._world.set_run_episodes(policy.rest.run_episodes)
        self._reporter.policy_version = policy.version

    def step(self) -> None:
        """Act once in every lane, and push the episodes that it finished."""
        view, agent = self._view, self._agent
        action = agent.act(view)
        step = self._world.step(action)
        for part in self._episodes.add(view, agent.memory, action, step, agent.novelty(step)):
            self._replay.append(part.records)
        agent.remember(action, step)
        self._tally.add(step)
        self._schooling.add(view, agent.epsilon, step)
        self._view = step.view
