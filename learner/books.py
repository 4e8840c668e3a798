"""What the run has done so far, and how it is steered."""

import time
from typing import Any

import structlog

from learner.exploring import epsilon_range, exploration_of
from learner.goal import Evaluations
from learner.head import Head
from learner.rounds import Rounds
from learner.steering import WEIGHT_BEGINS, Steering
from learner.update import QLearning
from protos import policy_pb2
from townlet.config import Config
from townlet.schedule import LockstepSettings

log = structlog.get_logger()


class Books:
    """Lives on the servers' event loop, all but `policy_version`, which the main thread counts.

    saved: the `state` of the version that the run goes on from; None for a new run.
    rounds: of lockstep; None in async. steering: the configuration as it is now.
    """

    def __init__(self, config: Config, learning: QLearning, saved: dict[str, Any] | None) -> None:
        goal, keep = config.evaluation.goal, config.evaluation.keep
        self.head = (
            Head.from_state(saved["head"], time.monotonic(), goal, keep)
            if saved
            else Head(evaluations=Evaluations(goal, keep=keep))
        )
        self.policy_version: int = saved["policy_version"] if saved else 0
        self.weight = learning.curiosity.weight if learning.curiosity else None
        self.rounds: Rounds | None = None
        if isinstance(config.schedule, LockstepSettings):
            self.rounds = Rounds(config.actor_names, self.policy_version)
        self._config = config
        self._learning = learning
        self.steering = Steering(config, self._steer)
        for refused in self.steering.load_state(saved.get("set", {}) if saved else {}):
            log.warning("not_set_any_more", reason=refused)
        if self.weight is not None:
            self.head.on_episode(self.weight.add)
            if saved:
                self.weight.load_state(saved["intrinsic_weight"])

    def state(self) -> dict[str, Any]:
        """All of it, as plain values."""
        books = {
            "policy_version": self.policy_version,
            "head": self.head.state(time.monotonic()),
            "set": self.steering.state(),
        }
        return books | ({"intrinsic_weight": self.weight.state()} if self.weight else {})

    def updates(self) -> int:
        """Made since the run began."""
        return self._learning.updates

    def counters(self) -> dict[str, int]:
        """What was counted since the run began; in lockstep also the last round that has ended, 0 for none."""
        counters = {
            "updates": self._learning.updates,
            "environment_steps": self.head.environment_steps,
            "episodes": self.head.episodes,
        }
        return counters | ({"round": max(0, self.rounds.round - 1)} if self.rounds else {})

    def figures(self) -> dict[str, Any]:
        """Counters, and the newest figures: in lockstep the same in every repetition."""
        head = self.head
        figures = {"mean_survival": head.mean_survival, "mean_return": head.mean_return}
        weight = {"intrinsic_weight": self.weight.value} if self.weight else {}
        return {**self.counters(), **figures, "lanes_at_stage": head.lanes_at_stage, **weight}

    def metrics(self) -> dict[str, float]:
        """What retention may compare."""
        last = self.head.evaluations.last
        return {"greedy": last.of(self._config.measure)} if last else {}

    def result(self) -> dict[str, Any]:
        """How the run stands, for programs that look at it afterwards."""
        head = self.head
        goal = head.evaluations.goal_state
        return {
            "training_s": head.training_s(time.monotonic()),
            "environment_steps": head.environment_steps,
            "episodes": head.episodes,
            "evaluations": [vars(point) for point in head.evaluations.points],
            "goal": vars(goal) if goal else None,
        }

    def exploration(self) -> policy_pb2.Exploration:
        """How actors explore with the policy that is published now."""
        settings = self.steering.config.exploration
        return exploration_of(settings, self.head.episodes, self._ladder_lanes())

    def epsilons(self) -> tuple[float, float]:
        """The smallest and the largest epsilon acted with."""
        return epsilon_range(self.steering.config.exploration, self.head.episodes)

    def _ladder_lanes(self) -> int:
        """In async actors come and go; before the first one, what is configured will come."""
        if self.rounds is not None:
            return self.head.ladder_lanes
        expected = self._config.actor.count * self._config.actor.lanes
        return self.head.present_ladder_lanes(time.monotonic()) or expected

    def _steer(self, config: Config, key: str) -> None:
        self._learning.steer(config.learner, config.curiosity)
        if self.weight is not None and key in WEIGHT_BEGINS:
            self.weight.begin_anew()
